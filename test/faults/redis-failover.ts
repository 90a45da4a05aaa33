import { setTimeout as delay } from 'node:timers/promises'
import type { Teardown } from '../support/database.ts'
import { eventually } from '../support/eventually.ts'
import { inSeconds } from '../support/faults/figures.ts'
import { startRedisCluster } from '../support/redis-cluster.ts'
import type { RedisNode } from '../support/redis-node.ts'
import { startRedisSentinel } from '../support/redis-sentinel.ts'
import { createScenario, redisIsBack, type Scenario } from './scenario.ts'

const KILLS = 2
const PAUSE_MS = 2_000
const CHOSEN_WITHIN_MS = 60_000
/** From the choice of a new master until every server has found it. */
const FOUND_WITHIN_SECONDS = 5
const FEWEST_REFUSALS = 20

type Redis = {
  url: string
  master: () => Promise<RedisNode>
  untilWhole: () => Promise<unknown>
}

/** F1 and F2 where somebody takes over: nothing forgotten, nobody wrongly refused. */
export const REDIS_FAILOVER: Scenario[] = [
  createFailover('redis-sentinel', 'three Sentinels, one replica', startRedisSentinel),
  createFailover('redis-cluster', 'a cluster of six', async (t) => {
    const { url, masterOf, untilWhole } = await startRedisCluster(t)
    return { url, master: () => masterOf('latchkey:any'), untilWhole }
  })
]

function createFailover(name: string, kind: string, start: (t: Teardown) => Promise<Redis>) {
  let redis: Redis
  return createScenario({
    name,
    title: `F1, F2 Redis, ${kind}: its master killed, twice`,
    world: {
      route: async (_urls, t) => {
        redis = await start(t)
        return { redis: redis.url }
      }
    },
    fault: async (world, ledger) => {
      const notes: string[] = []
      for (let kill = 0; kill < KILLS; kill += 1) {
        const master = await redis.master()
        await master.kill()
        await eventually(
          'a server that misses it',
          async () => (await redis.master()) !== master,
          CHOSEN_WITHIN_MS
        )
        const chosenAtMs = performance.now()
        await redisIsBack(world)
        const seconds = inSeconds(performance.now() - chosenAtMs)
        console.error(`  the servers found the new master ${seconds} s after it was chosen`)
        if (seconds > FOUND_WITHIN_SECONDS) notes.push(`a new master found after ${seconds} s`)
        await delay(PAUSE_MS)
        await master.start()
        await redis.untilWhole()
      }
      const refusals = ledger.refusals.length
      if (refusals <= FEWEST_REFUSALS) notes.push(`only ${refusals} refusals to show again`)
      return notes
    }
  })
}
