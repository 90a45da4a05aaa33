import { setTimeout as delay } from 'node:timers/promises'
import { startAnswerThief, type AnswerThief } from '../support/faults/answer-thief.ts'
import type { World } from '../support/faults/world.ts'
import { createScenario, watchKeys, type Scenario } from './scenario.ts'

const FAULT_MS = 6_000
/** SECURITY F3. */
const promises = { slowestMs: 2_000, recoverySeconds: 10 }
/** What a rotation is called on the wire, and what ends every transaction. */
const ACTS = ['session_rotate', 'COMMIT']
const THEFTS = 30
const THEFT_WITHIN_MS = 3_000

const thieves: AnswerThief[] = []

/** F3: 503 and never 401, and it recovers by itself. F5: a crash loses nothing that was acknowledged. */
export const POSTGRES: Scenario[] = [
  createScenario({
    name: 'postgres-frozen',
    title: 'F3 Postgres frozen for 6 s',
    fault: awayBetween('freeze', 'thaw'),
    promises
  }),
  createScenario({
    name: 'postgres-killed',
    title: 'F3, F5 Postgres killed with all its processes, started again after 6 s',
    fault: awayBetween('kill', 'start'),
    promises
  }),
  createScenario({
    name: 'postgres-crashes',
    title: 'F5 one process of Postgres killed, three times: crash recovery',
    fault: async (world) => {
      const stop = watchKeys(world)
      for (let crash = 0; crash < 3; crash += 1) {
        await world.postgres.killOneBackend()
        await delay(2_000)
      }
      return stop()
    },
    promises
  }),
  ...(['reset', 'silence'] as const).map((leaves) =>
    createScenario({
      name: `postgres-answer-${leaves}`,
      title: `F3 one answer of Postgres lost (${leaves === 'reset' ? 'connection reset' : 'then silence'}), ${THEFTS} times`,
      world: {
        route: async ({ database }, t) => {
          const thief = await startAnswerThief(t, database)
          thieves.splice(0, thieves.length, thief)
          return { database: thief.url }
        }
      },
      fault: async () => {
        let stolen = 0
        // An act that nobody does just then is waited for in vain.
        for (let theft = 0; stolen < THEFTS && theft < 2 * THEFTS; theft += 1) {
          const taken = thieves[0]!.steal({ of: ACTS[theft % ACTS.length]!, leaves })
          stolen += await Promise.race([taken.then(() => 1), delay(THEFT_WITHIN_MS, 0)])
          await delay(100)
        }
        return stolen === THEFTS ? [] : [`only ${stolen} answers were lost`]
      },
      promises
    })
  )
]

/** The published keys are there all the while. */
function awayBetween(leave: 'freeze' | 'kill', comeBack: 'thaw' | 'start') {
  return async (world: World) => {
    const stop = watchKeys(world)
    await world.postgres[leave]()
    await delay(FAULT_MS)
    await world.postgres[comeBack]()
    return stop()
  }
}
