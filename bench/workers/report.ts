import { median } from '../growth/load.ts'
import type { Idle, Row, Sample } from './measure.ts'

/** What two may take a request, of what one takes. */
const AT_MOST = 1.1

export function reportIdle(idle: Idle[]): void {
  console.log('| nobody asks | server, ms of CPU a second |\n|---|---|')
  for (const { name, serverMs } of idle) console.log(`| ${name} | ${serverMs.toFixed(1)} |`)
}

/**
 * CPU a request, medians of the rounds. A ratio is the median of those of the rounds, `!` behind one that is above
 * what the project allows itself.
 */
export function reportRows(rows: Row[]): void {
  console.log(
    '\n| operation | a second: one, replicas, workers | server µs | replicas / one | workers / one | Postgres µs | Redis µs |\n|---|---|---|---|---|---|---|'
  )
  for (const { operation, samples } of rows) {
    const sides = [...samples.values()]
    const [one = [], replicas = [], workers = []] = sides
    const all = (pick: (sample: Sample) => number) =>
      sides.map((side) => median(side.map(pick)).toFixed(0)).join(', ')
    const cells = [
      operation,
      all(({ perSecond }) => perSecond),
      all(({ serverUs }) => serverUs),
      ratio(replicas, one),
      ratio(workers, one),
      all(({ postgresUs }) => postgresUs),
      all(({ redisUs }) => redisUs)
    ]
    console.log(`| ${cells.join(' | ')} |`)
  }
}

function ratio(two: Sample[], one: Sample[]): string {
  const value = median(two.map(({ serverUs }, round) => serverUs / (one[round]?.serverUs ?? NaN)))
  return `${value.toFixed(2)}${value > AT_MOST ? '!' : ''}`
}
