import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Figures, Sample } from './measure.ts'
import { TARGETS, type Operation } from './operations.ts'

/** Rates are per second, medians over the rounds. */
export type Row = {
  operation: Operation
  ours: number
  limit: number | null
  againstLimit: number | null
  bestPeer: number | null
  peer: string | null
  againstPeer: number | null
  p50Ms: number
  p99Ms: number
  /** Every peer that has the operation. */
  peers: Record<string, number>
  /** Microseconds of CPU that one request takes, by program. */
  cpuUs: Record<string, number>
  rssMib: number
  wrong: number
}

export function toRows(figures: Figures): Row[] {
  return figures.map(({ operation, ours, limit, peers }) => {
    const rate = medianOf(ours, ({ perSecond }) => perSecond)
    const rates = [...peers]
      .filter(([, samples]) => samples.length > 0)
      .map(
        ([name, samples]) =>
          [
            name,
            round(
              medianOf(samples, ({ perSecond }) => perSecond),
              0
            )
          ] as const
      )
      .toSorted(([, a], [, b]) => b - a)
    // A short look may see none of a slow peer's answers: that is no rate to be held against.
    const [best] = rates.filter(([, perSecond]) => perSecond > 0)
    const bare = limit.length === 0 ? null : median(limit)
    return {
      operation,
      ours: round(rate, 0),
      limit: bare === null ? null : round(bare, 0),
      againstLimit: bare === null ? null : round(rate / bare, 2),
      bestPeer: best?.[1] ?? null,
      peer: best?.[0] ?? null,
      againstPeer: best === undefined ? null : round(rate / best[1], 2),
      p50Ms: round(
        medianOf(ours, ({ p50Ms }) => p50Ms),
        2
      ),
      p99Ms: round(
        medianOf(ours, ({ p99Ms }) => p99Ms),
        2
      ),
      peers: Object.fromEntries(rates),
      cpuUs: Object.fromEntries(
        Object.keys(ours[0]?.cpuUs ?? {}).map((name) => [
          name,
          round(
            medianOf(ours, ({ cpuUs }) => cpuUs[name] ?? 0),
            0
          )
        ])
      ),
      rssMib: round(Math.max(...ours.map(({ rssMib }) => rssMib)), 0),
      wrong: ours.reduce((sum, { wrong }) => sum + wrong, 0)
    }
  })
}

/** One line an operation; `!` stands behind a ratio that misses what the project promises itself. */
export function report(rows: Row[]): void {
  const lines = rows.map((row) => {
    const [ofLimit, ofPeer] = TARGETS[row.operation]
    const cpu = Object.entries(row.cpuUs).map(([name, us]) => `${name} ${us}`)
    return [
      row.operation,
      number(row.ours),
      number(row.limit),
      ratio(row.againstLimit, ofLimit),
      number(row.bestPeer),
      row.peer ?? '–',
      ratio(row.againstPeer, ofPeer),
      `${row.p50Ms}/${row.p99Ms}`,
      cpu.join(', '),
      String(row.rssMib),
      row.wrong === 0 ? '' : `${row.wrong} WRONG`
    ]
  })
  const head = ['operation', 'ours', 'limit', 'ratio', 'peer', 'best peer', 'ratio', 'p50/p99 ms']
  const all = [[...head, 'CPU µs a request', 'RSS MiB', ''], ...lines]
  const widths = all[0]?.map((_, n) => Math.max(...all.map((cells) => cells[n]?.length ?? 0))) ?? []
  for (const cells of all) {
    console.log(
      cells
        .map((cell, n) => cell.padEnd(widths[n] ?? 0))
        .join('  ')
        .trimEnd()
    )
  }
}

/** Into `bench/`; the copy that is kept lies in `docs/`. */
export async function writeResult(name: string, figures: unknown[]): Promise<void> {
  const file = join(import.meta.dirname, '..', name)
  await writeFile(file, `${JSON.stringify(figures, null, 2)}\n`)
}

function ratio(value: number | null, target: number | null): string {
  if (value === null) return '–'
  return `${value.toFixed(2)}${target !== null && value < target ? '!' : ''}`
}

const number = (value: number | null) => (value === null ? '–' : value.toLocaleString('en-US'))

function medianOf(samples: Sample[], pick: (sample: Sample) => number): number {
  return median(samples.map(pick))
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  return ((sorted[Math.ceil(middle) - 1] ?? 0) + (sorted[Math.floor(middle)] ?? 0)) / 2
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits))
}
