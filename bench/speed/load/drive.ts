import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { add, newHistogram, percentileOf } from './histogram.ts'
import type { Scenario } from './scenarios.ts'
import type { Done, Job } from './worker.ts'

/** What a server is asked, by so many connections at once. */
export type Load = {
  key: string
  port: number
  scenario: Scenario
  connections: number
  warmUpMs: number
  measureMs: number
}

export type Measured = {
  perSecond: number
  p50Ms: number
  p95Ms: number
  p99Ms: number
  /** Warm-up included. */
  total: number
  wrong: number
  firstWrong: string | null
}

export type Driver = ReturnType<typeof startDriver>

/** Processes that make load, so that neither the server nor the one who measures does. */
export function startDriver(processes: number) {
  const children = Array.from({ length: processes }, () => fork(`${import.meta.dirname}/worker.ts`))

  async function drive({ connections, ...load }: Load): Promise<Measured> {
    const all = Array.from({ length: connections }, (_, index) => index)
    const parts = await Promise.all(
      children.map(async (child, n) => {
        const indexes = all.filter((index) => index % processes === n)
        return ask(child, { ...load, indexes, of: connections })
      })
    )
    const sum = (pick: (part: Done) => number) =>
      parts.reduce((total, part) => total + pick(part), 0)
    const histogram = parts.reduce((total, part) => add(total, part.histogram), newHistogram())
    return {
      perSecond: (sum(({ count }) => count) / load.measureMs) * 1_000,
      p50Ms: percentileOf(histogram, 0.5),
      p95Ms: percentileOf(histogram, 0.95),
      p99Ms: percentileOf(histogram, 0.99),
      total: sum(({ total }) => total),
      wrong: sum(({ wrong }) => wrong),
      firstWrong: parts.find(({ firstWrong }) => firstWrong !== null)?.firstWrong ?? null
    }
  }

  function close(): void {
    for (const child of children) child.disconnect()
  }

  return { drive, close }
}

async function ask(child: ChildProcess, job: Job): Promise<Done> {
  child.send(job)
  const [done] = (await once(child, 'message')) as [Done]
  return done
}
