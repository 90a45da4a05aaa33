import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { inspect } from 'node:util'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { createRedisStore } from '../../src/platform/ephemeral/redis.ts'
import { failsSoon, returnsSoon, timed, until } from '../support/ephemeral-faults.ts'
import { startRedis } from '../support/redis.ts'

const MINUTE = 60_000

async function given(t: Test) {
  const redis = await startRedis(t)
  const faults: Error[] = []
  const store = await createRedisStore({ url: redis.url, onFault: (error) => faults.push(error) })
  t.teardown(() => store.close())
  const heard: string[] = []
  await store.listen('news', (message) => heard.push(message))
  return { redis, store, faults, heard }
}

void t.test('Redis, killed and restarted: fails soon, then works again', async (t) => {
  const { redis, store, heard } = await given(t)
  await redis.kill()
  await failsSoon(t, store)
  await redis.restart()
  await returnsSoon(t, store, heard)
  t.equal((await store.count('key', MINUTE)).count, 1, 'what failed was not sent again')
  t.equal(await store.setIfAbsent('key', MINUTE), true)
})

void t.test('Redis, away for long: still comes back within 5 s', async (t) => {
  const { redis, store, heard } = await given(t)
  await redis.kill()
  await delay(4000) // the delays between attempts have grown to their bound
  await redis.restart()
  await returnsSoon(t, store, heard)
})

void t.test('Redis, frozen and thawed: fails soon, then works again', async (t) => {
  const { redis, store, heard } = await given(t)
  redis.freeze()
  await failsSoon(t, store) // five times 250 ms: by now the connections have been dropped
  await failsSoon(t, store)
  redis.thaw()
  await returnsSoon(t, store, heard)
})

void t.test('Redis, frozen for a moment: no late reply reaches another command', async (t) => {
  const { redis, store } = await given(t)
  t.equal(await store.setIfAbsent('taken', MINUTE), true)
  for (let n = 1; n <= 7; n++) await store.count('seven', MINUTE)
  redis.freeze()
  const lost = [store.setIfAbsent('free', MINUTE), store.count('lost', MINUTE), store.isReachable()]
  const outcomes = await Promise.allSettled(lost)
  t.same(
    outcomes.map(({ status }) => status),
    ['rejected', 'rejected', 'fulfilled']
  )
  redis.thaw() // within the second: the same connection goes on, its late replies are coming
  const [seven, taken, fresh, free] = await Promise.all([
    store.count('seven', MINUTE),
    store.setIfAbsent('taken', MINUTE),
    store.setIfAbsent('fresh', MINUTE),
    store.setIfAbsent('free', MINUTE)
  ])
  t.equal(seven.count, 8)
  t.equal(taken, false)
  t.equal(fresh, true)
  t.equal(free, false, 'what timed out did happen: its outcome was unknown, not undone')
})

void t.test('Redis, flushed: counts afresh, in windows that end, and still tells', async (t) => {
  const { redis, store, heard } = await given(t)
  const raw = new Redis(redis.url)
  t.teardown(() => raw.quit())
  await store.count('key', MINUTE)
  await store.count('key', MINUTE)
  await redis.flush()
  await raw.script('FLUSH')
  t.equal((await store.count('key', MINUTE)).count, 1)
  t.ok((await raw.pttl('latchkey:count:key')) > 0)
  await raw.persist('latchkey:count:key')
  t.equal((await store.count('key', MINUTE)).resetsInMs, MINUTE, 'a lost expiry is set again')
  t.ok((await raw.pttl('latchkey:count:key')) > 0)
  await returnsSoon(t, store, heard)
})

/** Stands before Redis and can fall silent on the connections of the moment, as a dead host does. */
async function startProxy(t: Test, port: number) {
  const open = new Set<Socket>()
  const proxy = createServer((client) => {
    const server = connect(port, '127.0.0.1')
    client.pipe(server).pipe(client)
    for (const socket of [client, server]) open.add(socket.on('error', () => undefined))
  }).listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  t.teardown(() => {
    proxy.close()
    for (const socket of open) socket.destroy()
  })
  const { port: proxyPort } = proxy.address() as AddressInfo
  const fallSilent = () => {
    for (const socket of open) socket.unpipe().on('data', () => undefined)
  }
  return { url: `redis://127.0.0.1:${proxyPort}`, fallSilent }
}

void t.test('connections, dead without a word: noticed and replaced', async (t) => {
  const redis = await startRedis(t)
  const proxy = await startProxy(t, redis.port)
  const store = await createRedisStore({ url: proxy.url })
  t.teardown(() => store.close())
  const heard: string[] = []
  await store.listen('news', (message) => heard.push(message))
  proxy.fallSilent()
  await returnsSoon(t, store, heard)
})

void t.test('connections, cut by Redis: subscribed again', async (t) => {
  const { redis, store, heard } = await given(t)
  const raw = new Redis(redis.url)
  t.teardown(() => raw.quit())
  await raw.call('CLIENT', 'KILL', 'SKIPME', 'yes')
  await returnsSoon(t, store, heard)
})

for (const state of ['down', 'frozen'] as const) {
  void t.test(`createRedisStore, Redis is ${state}: starts, and works on its return`, async (t) => {
    const redis = await startRedis(t)
    if (state === 'down') await redis.kill()
    else redis.freeze()
    const { result: store, tookMs } = await timed(() => createRedisStore({ url: redis.url }))
    t.teardown(() => store.close())
    t.ok(tookMs < 2500, `started after ${tookMs} ms`)
    const heard: string[] = []
    await store.listen('news', (message) => heard.push(message))
    await failsSoon(t, store)
    if (state === 'down') await redis.restart()
    else redis.thaw()
    await returnsSoon(t, store, heard)
  })
}

void t.test('faults, many at once: the log gets one', async (t) => {
  const { redis, store, faults } = await given(t)
  await redis.kill()
  await until(() => Promise.resolve(faults.length === 1)) // without anybody asking
  const counts = Array.from({ length: 100 }, () => store.count('key', MINUTE))
  const outcomes = await Promise.allSettled(counts)
  t.ok(outcomes.every(({ status }) => status === 'rejected'))
  t.equal(faults.length, 1)
})

void t.test('a password, wrong or right: never told, or lets in', async (t) => {
  const redis = await startRedis(t)
  const raw = new Redis(redis.url)
  t.teardown(() => raw.quit())
  await raw.config('SET', 'requirepass', 'tr@ce/less')
  const faults: unknown[] = []
  const onFault = (error: Error) => faults.push(error)
  const withPassword = (password: string) => redis.url.replace('//', `//:${password}@`)

  const refused = await createRedisStore({ url: withPassword('g%40rbled'), onFault })
  faults.push(await refused.count('key', MINUTE).catch((error: unknown) => error))
  await refused.close()
  t.equal(faults.length, 2)
  t.notMatch(inspect(faults, { depth: null, showHidden: true }), /g@rbled|g%40rbled/)

  const admitted = await createRedisStore({ url: `${withPassword('tr%40ce%2Fless')}/3` })
  t.equal((await admitted.count('key', MINUTE)).count, 1)
  await raw.select(3)
  t.equal(await raw.exists('latchkey:count:key'), 1, 'in the database that the URL names')
  await admitted.close()

  for (const url of ['nonsense g@rbled', 'http://:g%40rbled@h', `${redis.url}/?commandTimeout=9`]) {
    const error: unknown = await createRedisStore({ url }).catch((error: unknown) => error)
    t.type(error, TypeError)
    t.notMatch(inspect(error), /g@rbled|g%40rbled/)
  }
})
