import { execFile } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { createEphemeralStore, EphemeralUnavailable } from '../../src/platform/ephemeral/index.ts'
import { createMemoryStore } from '../../src/platform/ephemeral/memory.ts'
import { createRedisStore } from '../../src/platform/ephemeral/redis.ts'
import type { EphemeralStore } from '../../src/platform/ephemeral/store.ts'
import { startRedisCluster } from '../support/redis-cluster.ts'
import { startRedisSentinel } from '../support/redis-sentinel.ts'
import { startRedis } from '../support/redis.ts'

const MINUTE = 60_000
const ALIKE = [
  'a',
  'A',
  'a ',
  ' a',
  'a:',
  ':a',
  'a:a',
  'a*',
  'a?',
  '{a}',
  'a\n',
  'a\0',
  '1',
  '01',
  ''
]
const ODD = ['__proto__', 'constructor', '\u00e9', 'e\u0301', 'count:a', 'once:a', 'x'.repeat(1000)]

/** Each gives a function that makes one more store on the same state. */
const IMPLEMENTATIONS = {
  memory: () => {
    const store = createMemoryStore()
    return Promise.resolve(() => Promise.resolve(store))
  },
  redis: async (t: Test) => listening((await startRedis(t)).url),
  sentinel: async (t: Test) => listening((await startRedisSentinel(t)).url),
  cluster: async (t: Test) => listening((await startRedisCluster(t)).url)
}

/** Connects, which on a busy machine may take longer than `createRedisStore` waits. */
function listening(url: string) {
  return async (): Promise<EphemeralStore> => {
    const store = await createRedisStore({ url })
    let isHeard = false
    const stop = await store.listen('are you there', () => (isHeard = true))
    await until(async () => {
      await store.announce('are you there', '').catch(() => undefined)
      return isHeard
    })
    await stop()
    return store
  }
}

async function until(isSo: () => Promise<boolean>, withinMs = 5000): Promise<void> {
  const deadlineMs = performance.now() + withinMs
  while (!(await isSo())) {
    if (performance.now() > deadlineMs) throw new Error(`still not so after ${withinMs} ms`)
    await delay(5)
  }
}

for (const [kind, connect] of Object.entries(IMPLEMENTATIONS)) {
  void t.test(kind, async (t) => {
    const another = await connect(t)
    const store = await another()
    t.teardown(() => store.close())
    const fifty = <T>(act: (n: number) => Promise<T>) =>
      Promise.all(Array.from({ length: 50 }, (_, n) => act(n)))

    await t.test('count, the same key thrice: counts up in one window', async (t) => {
      t.equal(store.kind, kind === 'memory' ? 'memory' : 'redis')
      const first = await store.count('thrice', MINUTE)
      t.equal(first.count, 1)
      t.ok(first.resetsInMs > MINUTE - 5000 && first.resetsInMs <= MINUTE)
      t.equal((await store.count('thrice', MINUTE)).count, 2)
      const third = await store.count('thrice', 10 * MINUTE)
      t.equal(third.count, 3)
      t.ok(third.resetsInMs <= first.resetsInMs, 'a later count does not move the window')
    })

    await t.test('counted, before, in and after a window: tells, and adds nothing', async (t) => {
      t.equal(await store.counted('told'), 0)
      await store.count('told', 300)
      await store.count('told', 300)
      t.equal(await store.counted('told'), 2)
      t.equal(await store.counted('told'), 2)
      await until(async () => (await store.counted('told')) === 0)
    })

    await t.test('count, the window is over: starts again at one', async (t) => {
      t.equal((await store.count('short', 300)).count, 1)
      t.equal((await store.count('short', 300)).count, 2)
      let last = { count: 0, resetsInMs: 0 }
      await until(async () => {
        last = await store.count('short', 300)
        return last.count === 1
      })
      t.ok(last.resetsInMs > 200, 'in a new window')
    })

    await t.test('count, fifty callers at once: each gets a number of its own', async (t) => {
      const stores = [store, await another()]
      const counts = await fifty((n) => stores[n % 2]!.count('crowd', MINUTE))
      const numbers = counts.map(({ count }) => count).sort((a, b) => a - b)
      t.same(numbers, [...Array(50).keys()].map((n) => n + 1)) // prettier-ignore
      if (kind !== 'memory') await stores[1]!.close()
    })

    await t.test('setIfAbsent, fifty callers at once: exactly one wins', async (t) => {
      const won = await fifty(() => store.setIfAbsent('prize', MINUTE))
      t.equal(won.filter(Boolean).length, 1)
      t.equal(await store.setIfAbsent('prize', MINUTE), false)
    })

    await t.test('setIfAbsent, its time is over: wins once more', async (t) => {
      t.equal(await store.setIfAbsent('brief', 500), true)
      t.equal(await store.setIfAbsent('brief', MINUTE), false, 'a loser does not prolong it')
      await until(() => store.setIfAbsent('brief', MINUTE))
      t.equal(await store.setIfAbsent('brief', MINUTE), false)
    })

    await t.test('keys that look alike, counted and marked: stay apart', async (t) => {
      for (const key of [...ALIKE, ...ODD]) {
        t.equal((await store.count(key, MINUTE)).count, 1, JSON.stringify(key).slice(0, 20))
        t.equal(await store.setIfAbsent(key, MINUTE), true, 'a mark is no counter')
      }
    })

    await t.test('a duration, zero or broken: the caller is told, nothing counts', async (t) => {
      for (const ms of [0, -1, 1.5, NaN, Infinity]) {
        await t.rejects(store.count('broken', ms), RangeError)
        await t.rejects(store.setIfAbsent('broken', ms), RangeError)
      }
      t.equal((await store.count('broken', 1)).count, 1)
    })

    await t.test('announce, several listeners: reaches each on its channel', async (t) => {
      const other = await another()
      const heard: string[] = []
      const note = (who: string) => (message: string) => heard.push(`${who} ${message}`)
      const stops = [
        await store.listen('news', note('a')),
        await store.listen('news', note('b')),
        await other.listen('news', note('c')),
        await other.listen('new', note('d'))
      ]
      await store.announce('news', 'x \u00e9\n{}')
      await other.announce('new', '')
      await until(() => Promise.resolve(heard.length === 4))
      t.same(heard.sort(), ['a x \u00e9\n{}', 'b x \u00e9\n{}', 'c x \u00e9\n{}', 'd '])
      await Promise.all(stops.map((stop) => stop()))
      if (kind !== 'memory') await other.close()
    })

    await t.test('listen, stopped: hears nothing more, the others do', async (t) => {
      const heard: string[] = []
      const stopFirst = await store.listen('talk', (message) => heard.push(`first ${message}`))
      const stopSecond = await store.listen('talk', (message) => heard.push(`second ${message}`))
      await stopFirst()
      await stopFirst()
      await store.announce('talk', '1')
      await until(() => Promise.resolve(heard.length > 0))
      await stopSecond()
      const stopThird = await store.listen('talk', (message) => heard.push(`third ${message}`))
      await store.announce('talk', '2')
      await until(() => Promise.resolve(heard.length > 1))
      t.same(heard, ['second 1', 'third 2'])
      await stopThird()
    })

    await t.test('listen, one listener throws: the next one still hears', async (t) => {
      const heard: string[] = []
      const stops = [
        await store.listen('risky', () => {
          throw new Error('a listener of ours is broken')
        }),
        await store.listen('risky', (message) => heard.push(message))
      ]
      await store.announce('risky', 'on')
      await until(() => Promise.resolve(heard.length === 1))
      t.equal(await store.isReachable(), true)
      await Promise.all(stops.map((stop) => stop()))
    })

    await t.test('close, then used: every verb throws', async (t) => {
      const closing = kind === 'memory' ? createMemoryStore() : await another()
      await closing.close()
      await closing.close()
      t.equal(await closing.isReachable(), false)
      await t.rejects(closing.count('late', MINUTE), EphemeralUnavailable)
      await t.rejects(closing.setIfAbsent('late', MINUTE), EphemeralUnavailable)
      await t.rejects(closing.announce('late', ''), EphemeralUnavailable)
      await t.rejects(
        closing.listen('late', () => undefined),
        EphemeralUnavailable
      )
    })
  })
}

void t.test('a process, its stores used and closed: exits by itself', async (t) => {
  const { url } = await startRedis(t)
  const script = `
    const { createEphemeralStore } = await import('./src/platform/ephemeral/index.ts')
    for (const redisUrl of [undefined, process.argv[1], 'redis://127.0.0.1:1']) {
      const store = await createEphemeralStore({ redisUrl })
      await store.count('k', 60_000).catch(() => {})
      await store.listen('news', () => {})
      await store.close()
    }
    console.log('closed')`
  const args = ['--input-type=module', '-e', script, url]
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 10_000 })
  t.equal(stdout, 'closed\n')
})

void t.test('createEphemeralStore, without and with a URL: picks the store', async (t) => {
  const { url } = await startRedis(t)
  const stores: EphemeralStore[] = [
    await createEphemeralStore({ redisUrl: undefined }),
    await createEphemeralStore({ redisUrl: url })
  ]
  t.same(
    stores.map(({ kind }) => kind),
    ['memory', 'redis']
  )
  await Promise.all(stores.map((store) => store.close()))
})

void t.test('memory, full: refuses new keys and forgets none', async (t) => {
  let nowMs = 1000
  const store = createMemoryStore({ now: () => nowMs, maxEntries: 3 })
  await store.count('account', 5000)
  await store.count('b', 100)
  nowMs += 100
  t.equal((await store.count('b', 100)).count, 1, 'over at the very millisecond')
  await store.setIfAbsent('c', 5000)
  await t.rejects(store.count('d', 100), EphemeralUnavailable)
  await t.rejects(store.setIfAbsent('d', 100), EphemeralUnavailable)
  t.equal((await store.count('account', 5000)).count, 2, 'a flood does not wash a counter out')
  nowMs += 1000
  t.equal((await store.count('d', 100)).count, 1, 'what expired made room')
  t.same(await store.count('account', 5000), { count: 3, resetsInMs: 3900 })
  t.equal(await store.setIfAbsent('c', 5000), false)
  nowMs += 3900
  t.equal((await store.count('account', 5000)).count, 1)
})
