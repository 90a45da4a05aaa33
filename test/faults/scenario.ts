import { setTimeout as delay } from 'node:timers/promises'
import { eventually } from '../support/eventually.ts'
import type { Teardown } from '../support/database.ts'
import { sendCall } from '../support/faults/call.ts'
import { figuresOf, inSeconds, servedAgainAfter } from '../support/faults/figures.ts'
import type { Figures, Promises } from '../support/faults/figures.ts'
import { createLedger, type Ledger } from '../support/faults/ledger.ts'
import { startLoad, type Crowd } from '../support/faults/load.ts'
import { replayLedger } from '../support/faults/replay.ts'
import { linksIn, openWorld, type World, type WorldOptions } from '../support/faults/world.ts'

/** A fault that is put to the test, and the promise of SECURITY that it is about. */
export type Scenario = {
  name: string
  /** As the table has it. */
  title: string
  run: (t: Teardown) => Promise<Figures>
}

/** What it needs is not here. */
export class ScenarioSkipped extends Error {
  override readonly name = 'ScenarioSkipped'
}

export type FaultPlan = {
  name: string
  title: string
  world?: WorldOptions | ((t: Teardown) => Promise<WorldOptions>)
  crowd?: Partial<Crowd>
  /** Where the clients ask, if not at the servers themselves. */
  through?: (world: World, t: Teardown) => Promise<string[]>
  /** Brings the fault, lasts as long as it, and lifts it. It may say what else was promised and not kept. */
  fault: (world: World, ledger: Ledger, t: Teardown) => Promise<string[] | undefined>
  /** Waits until all is well; else recovery is told from the last request that was not served. */
  recovered?: (world: World) => Promise<unknown>
  promises?: Promises
}

const BEFORE_MS = 5_000
const AFTER_MS = 5_000
const RECOVERS_WITHIN_MS = 30_000
const KEYS = { path: '/.well-known/jwks.json' }

/** Two servers under load: a while without the fault, the fault, a while after it; then the ledger is replayed. */
export function createScenario(plan: FaultPlan): Scenario {
  return {
    name: plan.name,
    title: plan.title,
    run: async (t) => {
      const options = typeof plan.world === 'function' ? await plan.world(t) : plan.world
      const world = await openWorld(t, options)
      const ledger = createLedger((await plan.through?.(world, t)) ?? world.bases)
      t.teardown(() => Promise.resolve((ledger.state.isEnded = true))) // also after a failure
      const { sql } = world.database
      const findLink = linksIn(world.sink)
      const load = await startLoad({ ledger, findLink, sql, ...pick(plan) })
      await delay(BEFORE_MS)
      ledger.state.phase = 'fault'
      const notes = (await plan.fault(world, ledger, t)) ?? []
      const liftedAtMs = performance.now()
      ledger.state.phase = 'after'
      await plan.recovered?.(world)
      const recoveredSeconds = inSeconds(performance.now() - liftedAtMs)
      await delay(AFTER_MS)
      await load.stop()
      await replayLedger(ledger, load)
      const seconds =
        plan.recovered === undefined ? servedAgainAfter(ledger, liftedAtMs) : recoveredSeconds
      const figures = figuresOf(plan.title, ledger, seconds, plan.promises)
      const faults = world.servers.flatMap(({ output }) => internalErrors(output()))
      return { ...figures, broken: [...figures.broken, ...notes, ...faults] }
    }
  }
}

/** Why a server answered with 500, in its own words. */
function internalErrors(output: string): string[] {
  return output
    .split('\n')
    .filter((line) => /internal_error|server_error/.test(line))
    .map((line) => /"cause":.*?"message":"(.*?)","stack"/.exec(line)?.[1] ?? line.slice(0, 500))
}

const pick = ({ crowd }: FaultPlan) => (crowd === undefined ? {} : { crowd })

/** Until every server says that Redis is there. */
export async function redisIsBack({ bases }: World): Promise<void> {
  await eventually(
    'Redis at every server',
    async () => {
      const answers = await Promise.all(bases.map((base) => sendCall(base, { path: '/health' })))
      return answers.every((answer) => answer?.body['redis'] === 'up')
    },
    RECOVERS_WITHIN_MS
  )
}

/** Asks every server for its published keys, all the while. @returns a stop that tells what went wrong */
export function watchKeys({ bases }: Pick<World, 'bases'>): () => Promise<string[]> {
  const wrong: string[] = []
  const state = { isStopping: false }
  const watching = bases.map(async (base) => {
    while (!state.isStopping) {
      const answer = await sendCall(base, KEYS)
      if (answer?.status !== 200) wrong.push(`the published keys: ${answer?.status ?? 'no answer'}`)
      else if (answer.tookMs > 1_000) wrong.push(`the published keys after ${answer.tookMs} ms`)
      await delay(100)
    }
  })
  return async () => {
    state.isStopping = true
    await Promise.all(watching)
    return wrong
  }
}
