import type { Ledger, Phase, Sample } from './ledger.ts'

/** What a run of a scenario has shown. */
export type Figures = {
  scenario: string
  requests: number
  acknowledged: number
  lost: number
  letIn: number
  wrongly401: number
  /** 503, and what a balancer says in its place. */
  unavailable: number
  /** Nobody listened. */
  refused: number
  /** The connection was there, and broke before the answer. */
  unanswered: number
  /** Of the requests during the fault and after it. */
  slowestMs: number
  /** What the fault adds to the 95th percentile of the path that it slows the most. */
  addedMs: number | null
  /** From the end of the fault to the last request that was not served. */
  recoverySeconds: number | null
  /** Every promise that was not kept, in words; empty is what is wanted. */
  broken: string[]
}

/** What is promised beyond "nothing lost, nobody wrongly let in, nobody wrongly refused". */
export type Promises = {
  addedMs?: number
  slowestMs?: number
  recoverySeconds?: number
  /** Every request is served: no 503, no answer missing. */
  alwaysServes?: boolean
}

export function figuresOf(
  scenario: string,
  ledger: Ledger,
  recoverySeconds: number | null,
  promises: Promises = {}
): Figures {
  const { counts, broken, samples, unexpected } = ledger
  const { requests, acknowledged, unavailable, refused, unanswered } = counts
  const { lost, letIn, wrongly401 } = broken
  const underFault = samples.filter(({ phase }) => phase === 'fault' || phase === 'after')
  const slowestMs = underFault.reduce((slowest, { tookMs }) => Math.max(slowest, tookMs), 0)
  const figures = {
    scenario,
    requests,
    acknowledged,
    lost: lost.length,
    letIn: letIn.length,
    wrongly401: wrongly401.length,
    unavailable,
    refused,
    unanswered,
    slowestMs,
    addedMs: addedBy(samples),
    recoverySeconds
  }
  return {
    ...figures,
    broken: [
      ...lost.map((text) => `lost: ${text}`),
      ...letIn.map((text) => `wrongly let in: ${text}`),
      ...wrongly401.map((text) => `wrongly refused: ${text}`),
      ...unexpected.map((text) => `unexpected: ${text}`),
      ...unkept(figures, promises),
      ...tooSlow(underFault, promises)
    ]
  }
}

function unkept(figures: Omit<Figures, 'broken'>, promises: Promises): string[] {
  const { addedMs, recoverySeconds } = promises
  const broken: string[] = []
  const within = (what: string, measured: number | null, promised: number | undefined) => {
    if (promised === undefined || measured === null || measured <= promised) return
    broken.push(`${what}: ${measured}, promised ${promised}`)
  }
  within('added ms', figures.addedMs, addedMs)
  within('recovery seconds', figures.recoverySeconds, recoverySeconds)
  const unserved = figures.unavailable + figures.refused + figures.unanswered
  if (promises.alwaysServes === true && unserved > 0) broken.push(`${unserved} requests unserved`)
  return broken
}

function tooSlow(samples: Sample[], { slowestMs }: Promises): string[] {
  if (slowestMs === undefined) return []
  return samples
    .filter(({ tookMs }) => tookMs > slowestMs)
    .map(
      ({ path, status, tookMs }) => `${path}: ${status} after ${tookMs} ms, promised ${slowestMs}`
    )
}

/** Higher ones tell of the machine's other work. */
const SHARE = 0.95

function addedBy(samples: Sample[]): number | null {
  const paths = new Set(samples.map(({ path }) => path))
  const added = [...paths].map((path) => {
    const timesIn = (wanted: Phase) =>
      samples
        .filter(({ path: itsPath, phase }) => itsPath === path && phase === wanted)
        .map(({ tookMs }) => tookMs)
    const [before, during] = [timesIn('before'), timesIn('fault')]
    if (before.length < 20 || during.length < 20) return 0
    return percentile(during, SHARE) - percentile(before, SHARE)
  })
  return added.length === 0 ? null : Math.max(0, ...added)
}

export function percentile(times: number[], share: number): number {
  const sorted = times.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}

/** From the end of the fault (on the clock of `performance`) to the last request that was not served, in seconds. */
export function servedAgainAfter({ samples }: Ledger, liftedAtMs: number): number {
  const unserved = samples.filter(({ status }) => status === 0 || status >= 500)
  const lastMs = unserved.reduce((last, { endedAtMs }) => Math.max(last, endedAtMs), liftedAtMs)
  return inSeconds(lastMs - liftedAtMs)
}

export const inSeconds = (durationMs: number) => Math.round(durationMs / 100) / 10

const COLUMNS: [string, (figures: Figures) => string | number | null][] = [
  ['fault', ({ scenario }) => scenario],
  ['requests', ({ requests }) => requests],
  ['acknowledged', ({ acknowledged }) => acknowledged],
  ['lost', ({ lost }) => lost],
  ['wrongly let in', ({ letIn }) => letIn],
  ['wrongly 401', ({ wrongly401 }) => wrongly401],
  ['503', ({ unavailable }) => unavailable],
  ['refused', ({ refused }) => refused],
  ['cut', ({ unanswered }) => unanswered],
  ['slowest ms', ({ slowestMs }) => slowestMs],
  ['added ms', ({ addedMs }) => addedMs],
  ['recovery s', ({ recoverySeconds }) => recoverySeconds]
]

/** A table as the documentation has it. */
export function tableOf(rows: Figures[]): string {
  const lines = rows.map((figures) => COLUMNS.map(([, cell]) => String(cell(figures) ?? '—')))
  const rule = COLUMNS.map((_, index) => (index === 0 ? '---' : '---:'))
  const table = [COLUMNS.map(([name]) => name), rule, ...lines]
  return table.map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}
