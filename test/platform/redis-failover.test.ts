import { setTimeout as delay } from 'node:timers/promises'
import { inspect } from 'node:util'
import t, { type Test } from 'tap'
import type { Config } from '../../src/config.ts'
import { SURROUNDINGS } from '../../src/ops/doctor/surroundings.ts'
import { createRedisStore } from '../../src/platform/ephemeral/redis.ts'
import { EphemeralUnavailable } from '../../src/platform/ephemeral/store.ts'
import {
  failsSoon,
  LATE_AT_MOST_MS,
  returnsSoon,
  timed,
  until
} from '../support/ephemeral-faults.ts'
import { startRedisCluster } from '../support/redis-cluster.ts'
import { startRedisSentinel } from '../support/redis-sentinel.ts'

const MINUTE = 60_000
/** So many keys that every master of a cluster serves some. */
const KEYS = Array.from({ length: 30 }, (_, n) => `key-${n}`)
/** Its masters are given up after 1 s; the vote and the news of it take the rest. */
const FAILS_OVER_WITHIN_MS = 20_000

/** What both kinds have in common: several processes, of which one is the master of a key. */
const KINDS = {
  sentinel: async (t: Test) => {
    const { redises, sentinels, master, ...rest } = await startRedisSentinel(t)
    return { ...rest, masterOf: master, nodes: [...redises, ...sentinels] }
  },
  cluster: async (t: Test) => {
    const { masterOf, ...rest } = await startRedisCluster(t)
    return { ...rest, masterOf: () => masterOf(`latchkey:count:${KEYS[0]}`) }
  }
}

t.jobs = 2
for (const [kind, start] of Object.entries(KINDS)) {
  void t.test(kind, async (t) => {
    const { url, nodes, masterOf, untilWhole } = await start(t)
    const faults: Error[] = []
    const onFault = (error: Error) => faults.push(error)
    const here = await createRedisStore({ url, onFault })
    const there = await createRedisStore({ url, onFault })
    t.teardown(() => Promise.all([here.close(), there.close()]))
    const heard: string[] = []
    await there.listen('news', (message) => heard.push(message))
    await returnsSoon(t, there, heard)

    await t.test('the doctor: well, a master that evicts, a Sentinel that is gone', async (t) => {
      const look = async () => SURROUNDINGS[0]?.look({ redisUrl: url } as Config)
      t.match(await look(), [{ level: 'ok', says: kind === 'cluster' ? /3 masters/ : /Answers/ }])
      const master = await masterOf()
      await master.send('CONFIG SET maxmemory-policy allkeys-lru')
      await master.send('CONFIG SET maxmemory 50mb')
      t.match(await look(), [{ level: 'warn', says: /allkeys-lru/ }])
      await master.send('CONFIG SET maxmemory 0')
      const last = nodes.at(-1)!
      await last.kill()
      const says = kind === 'sentinel' ? new RegExp(`Sentinels .*:${last.port}`) : /Answers/
      t.match((await look())?.[0], { says })
      await last.start()
      await untilWhole()
    })

    await t.test('a master killed under load: fails soon, counts once, works again', async (t) => {
      const stop = new AbortController()
      const acknowledged = new Map<string, number[]>()
      const tookMs: number[] = []
      const lateMs: number[] = []
      const unforeseen: unknown[] = []
      const load = KEYS.map(async (key, n) => {
        const store = n % 2 === 0 ? here : there
        while (!stop.signal.aborted) {
          const outcome = await timed(() =>
            store.count(key, 10 * MINUTE).catch((error: unknown) => error)
          )
          tookMs.push(outcome.tookMs)
          lateMs.push(outcome.lateMs)
          const { result } = outcome
          if (result instanceof EphemeralUnavailable) await delay(5)
          else if (result instanceof Error) unforeseen.push(result)
          else {
            const { count } = result as { count: number }
            acknowledged.set(key, [...(acknowledged.get(key) ?? []), count])
          }
        }
      })
      await until(() => Promise.resolve(acknowledged.size === KEYS.length))
      const before = new Map([...acknowledged].map(([key, counts]) => [key, counts.length]))
      const killed = await masterOf()
      const killedAtMs = performance.now()
      await killed.kill()
      const failover = await timed(() =>
        until(() => here.isReachable(), FAILS_OVER_WITHIN_MS).then(() =>
          until(async () =>
            Promise.resolve(
              KEYS.every((key) => acknowledged.get(key)!.length > before.get(key)! + 5)
            )
          )
        )
      )
      await returnsSoon(t, there, heard)
      const recoveredAfterMs = Math.round(performance.now() - killedAtMs)
      stop.abort()
      await Promise.all(load)
      t.strictSame(unforeseen, [], 'nothing but the one error that callers expect')
      const repeated = [...acknowledged.values()].flatMap((counts) =>
        counts.filter((count, i) => i > 0 && count === counts[i - 1])
      )
      t.comment(
        `${kind}: ${tookMs.length} counts, slowest ${Math.max(...tookMs)} ms, counting again ` +
          `${failover.tookMs} ms after the kill, announcing ${recoveredAfterMs} ms after it, ${repeated.length} repeated`
      )
      t.ok(Math.max(...lateMs) < LATE_AT_MOST_MS, `the slowest was ${Math.max(...lateMs)} ms late`)
      await killed.start()
      await untilWhole()
    })

    await t.test('all of it frozen and thawed: fails soon, then works again', async (t) => {
      for (const node of nodes) node.freeze()
      await failsSoon(t, here)
      for (const node of nodes) node.thaw()
      await returnsSoon(t, here, heard)
    })

    await t.test('all of it killed and started: fails soon, then works again', async (t) => {
      await Promise.all(nodes.map((node) => node.kill()))
      await failsSoon(t, here)
      await Promise.all(nodes.map((node) => node.start()))
      await untilWhole()
      await returnsSoon(t, here, heard)
    })

    await t.test('a password, wrong or right: never told, or lets in', async (t) => {
      for (const node of nodes) await node.send('ACL SETUSER default resetpass >tr@ce/less')
      const withPassword = (password: string) =>
        `${url.replace('//', `//:${password}@`)}${kind === 'sentinel' ? `?sentinelPassword=${password}` : ''}`
      const told: unknown[] = []
      const refused = await createRedisStore({
        url: withPassword('g%40rbled'),
        onFault: (error) => told.push(error)
      })
      told.push(await refused.count('door', MINUTE).catch((error: unknown) => error))
      await refused.close()
      t.ok(told.length >= 2)
      t.notMatch(inspect(told, { depth: null, showHidden: true }), /g@rbled|g%40rbled/)

      const admitted = await createRedisStore({ url: withPassword('tr%40ce%2Fless') })
      await until(() =>
        admitted.count('door', MINUTE).then(
          () => true,
          () => false
        )
      )
      await admitted.close()
    })
  })
}
