export type Sample = { kind: string; status: number; tookMs: number }

export type Compared = {
  kind: string
  times: number[]
  statuses: Set<number>
  /** Of the median, from that of the reference: 0.1 is 10 % slower. */
  difference: number
}

/** @param share 0.5 is the median */
export function percentile(values: number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

/** The samples by kind, each beside the `reference` kind. */
export function compare(samples: Sample[], reference: string): Compared[] {
  const kinds = [...new Set(samples.map(({ kind }) => kind))].sort()
  const timesOf = (kind: string) =>
    samples.filter((sample) => sample.kind === kind).map(({ tookMs }) => tookMs)
  const expected = percentile(timesOf(reference), 0.5)
  return kinds.map((kind) => {
    const times = timesOf(kind)
    const own = samples.filter((sample) => sample.kind === kind)
    const statuses = new Set(own.map(({ status }) => status))
    return { kind, times, statuses, difference: percentile(times, 0.5) / expected - 1 }
  })
}
