// A process that makes load: it is told what to do, does it, and says how often and how fast it went.
import { openConnection, type Connection } from './connection.ts'
import { newHistogram, note } from './histogram.ts'
import { stepOf, WrongAnswer, type Scenario, type Step } from './scenarios.ts'

export type Job = {
  /** What belongs together: the connections of a key go on where they stopped. */
  key: string
  port: number
  scenario: Scenario
  /** The indexes of this process's connections, among `of`. */
  indexes: number[]
  of: number
  warmUpMs: number
  measureMs: number
}

export type Done = {
  /** In the measured time. */
  count: number
  /** With the warm-up: what the CPU time of the whole run was spent on. */
  total: number
  wrong: number
  firstWrong: string | null
  histogram: number[]
}

const states = new Map<string, Step[]>()

process.on('message', (job: Job) => {
  work(job).then(
    (done) => process.send?.(done),
    (error: unknown) => {
      process.stderr.write(`load: ${String(error)}\n`)
      process.exit(1)
    }
  )
})
process.on('disconnect', () => process.exit(0))

async function work(job: Job): Promise<Done> {
  const { key, port, scenario, indexes, of, warmUpMs, measureMs } = job
  const steps = states.get(key) ?? indexes.map((index) => stepOf(scenario, index, of))
  states.set(key, steps)
  const connections = await Promise.all(indexes.map(() => openConnection(port)))
  const done: Done = { count: 0, total: 0, wrong: 0, firstWrong: null, histogram: newHistogram() }
  const startMs = performance.now() + warmUpMs
  const times = { startMs, endMs: startMs + measureMs }
  await Promise.all(
    connections.map((connection, n) => repeat(connection, steps[n] as Step, times, done))
  )
  for (const connection of connections) connection.close()
  return done
}

async function repeat(
  connection: Connection,
  step: Step,
  { startMs, endMs }: { startMs: number; endMs: number },
  done: Done
): Promise<void> {
  for (;;) {
    const askedMs = performance.now()
    if (askedMs >= endMs) return
    try {
      await step(connection)
    } catch (error) {
      done.wrong += 1
      done.firstWrong ??= String(error)
      if (error instanceof WrongAnswer && done.wrong < 100) continue
      return
    }
    const answeredMs = performance.now()
    done.total += 1
    if (answeredMs < startMs || answeredMs > endMs) continue
    done.count += 1
    note(done.histogram, answeredMs - askedMs)
  }
}
