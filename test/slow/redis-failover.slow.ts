import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { eventually } from '../support/eventually.ts'
import { sendCall } from '../support/faults/call.ts'
import { figuresOf, tableOf } from '../support/faults/figures.ts'
import { createLedger } from '../support/faults/ledger.ts'
import { startLoad } from '../support/faults/load.ts'
import { replayLedger } from '../support/faults/replay.ts'
import { linksIn, openWorld, type World } from '../support/faults/world.ts'
import { startRedisCluster } from '../support/redis-cluster.ts'
import { startRedisSentinel } from '../support/redis-sentinel.ts'

const CALM_MS = 4_000
const KILLS = 2
const RECOVERS_WITHIN_MS = 60_000

const KINDS = {
  'three Sentinels, one replica': async (t: Test) => {
    const { url, master, untilWhole } = await startRedisSentinel(t)
    return { url, master, untilWhole }
  },
  'a cluster of six': async (t: Test) => {
    const { url, masterOf, untilWhole } = await startRedisCluster(t)
    return { url, master: () => masterOf('latchkey:any'), untilWhole }
  }
}

/** Until every server says that Redis is there. @returns after how many seconds */
async function untilBack({ bases }: World): Promise<number> {
  const startedAtMs = performance.now()
  await eventually(
    'Redis at every server',
    async () => {
      const answers = await Promise.all(bases.map((base) => sendCall(base, { path: '/health' })))
      return answers.every((answer) => answer?.body['redis'] === 'up')
    },
    RECOVERS_WITHIN_MS
  )
  return Math.round((performance.now() - startedAtMs) / 100) / 10
}

for (const [kind, start] of Object.entries(KINDS)) {
  void t.test(
    `${kind}, ${KILLS} masters killed under two servers at work: nothing forgotten, nobody wrongly refused`,
    async (t) => {
      const redis = await start(t)
      const route = () => Promise.resolve({ redis: redis.url })
      const world = await openWorld(t, { servers: 2, route })
      const ledger = createLedger(world.bases)
      const load = await startLoad({
        ledger,
        findLink: linksIn(world.sink),
        sql: world.database.sql
      })
      await delay(CALM_MS)
      ledger.state.phase = 'fault'
      const recovered: number[] = []
      for (let kill = 0; kill < KILLS; kill += 1) {
        const master = await redis.master()
        await master.kill()
        await eventually(
          'a server that misses it',
          async () => (await redis.master()) !== master,
          RECOVERS_WITHIN_MS
        )
        recovered.push(await untilBack(world))
        await delay(CALM_MS / 2)
        await master.start()
        await redis.untilWhole()
      }
      const liftedAtMs = performance.now()
      ledger.state.phase = 'after'
      await delay(CALM_MS)
      await load.stop()
      await replayLedger(ledger, load)
      const figures = figuresOf(kind, ledger, liftedAtMs)
      console.error(tableOf([figures]))
      console.error(`the servers found the new master ${recovered.join(' s, ')} s after it was chosen`)
      t.strictSame(figures.broken, [])
      t.ok(ledger.refusals.length > 20, `${ledger.refusals.length} refusals were shown again`)
      for (const seconds of recovered) t.ok(seconds <= 5, `${seconds} s`)
    }
  )
}
