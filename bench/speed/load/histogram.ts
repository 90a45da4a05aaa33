/** Latencies in buckets that grow by 2 %, so that those of several processes add up. */
const SMALLEST_MS = 0.01
const GROWTH = Math.log(1.02)
const BUCKETS = 800

export type Histogram = number[]

export const newHistogram = (): Histogram => new Array<number>(BUCKETS).fill(0)

export function note(histogram: Histogram, ms: number): void {
  const bucket = Math.max(0, Math.ceil(Math.log(ms / SMALLEST_MS) / GROWTH))
  const index = Math.min(bucket, BUCKETS - 1)
  histogram[index] = (histogram[index] ?? 0) + 1
}

export function add(total: Histogram, part: Histogram): Histogram {
  return total.map((count, index) => count + (part[index] ?? 0))
}

/** @param share 0.99 is p99 @returns milliseconds, within 2 % */
export function percentileOf(histogram: Histogram, share: number): number {
  const wanted = histogram.reduce((sum, count) => sum + count, 0) * share
  let seen = 0
  for (const [index, count] of histogram.entries()) {
    seen += count
    if (count > 0 && seen >= wanted) return SMALLEST_MS * Math.exp(index * GROWTH)
  }
  return Number.NaN
}
