import { Counter, type Metric, type Registry } from 'prom-client'

/** Prometheus' client checks and looks up its labels at every count: these are looked up once, and added to. */
export class TalliedCounter<Label extends string> extends Counter<Label> {
  private readonly tallies: { labels: Record<Label, string>; tally: Tally }[] = []

  /** The series of these labels; it is there from now on. */
  tally(labels: Record<Label, string>): Tally {
    const tally = new Tally()
    this.tallies.push({ labels, tally })
    this.inc(labels, 0)
    return tally
  }

  override async get() {
    for (const { labels, tally } of this.tallies) this.inc(labels, tally.take())
    return super.get()
  }
}

/** Counts until it is asked. */
export class Tally {
  private count = 0

  inc(): void {
    this.count += 1
  }

  take(): number {
    const { count } = this
    this.count = 0
    return count
  }
}

type HistogramOptions<Label extends string> = {
  name: string
  help: string
  labelNames: readonly Label[]
  /** Upper bounds, ascending. */
  buckets: readonly number[]
  registry: Registry
}

/** A histogram whose series are held by whoever observes: an observation is three additions. */
export function createHistogram<Label extends string>(options: HistogramOptions<Label>) {
  const { name, help, labelNames, buckets, registry } = options
  const series = new Map<string, { labels: Record<Label, string>; timing: Timing }>()

  /** The one series of these labels. */
  function labels(values: Record<Label, string>): Timing {
    const key = JSON.stringify(labelNames.map((label) => values[label]))
    const known = series.get(key) ?? { labels: values, timing: new Timing(buckets) }
    series.set(key, known)
    return known.timing
  }

  /** As Prometheus' client has it: every bucket with all that is below it. */
  function valuesOf(of: Record<Label, string>, { counts, sum }: Timing) {
    let below = 0
    const bounds = [...buckets, '+Inf'].map((le, index) => {
      below += counts[index] ?? 0
      return { metricName: `${name}_bucket`, labels: { ...of, le }, value: below }
    })
    return [
      ...bounds,
      { metricName: `${name}_sum`, labels: of, value: sum },
      { metricName: `${name}_count`, labels: of, value: below }
    ]
  }

  function get() {
    const values = [...series.values()].flatMap((one) => valuesOf(one.labels, one.timing))
    return Promise.resolve({ name, help, type: 'histogram', aggregator: 'sum', values })
  }

  registry.registerMetric({ name, get } as unknown as Metric)
  return { labels }
}

/** One series of a histogram. */
class Timing {
  /** By bucket, and one for all above. */
  readonly counts: number[]
  sum = 0
  private readonly bounds: readonly number[]

  constructor(bounds: readonly number[]) {
    this.bounds = bounds
    this.counts = new Array<number>(bounds.length + 1).fill(0)
  }

  /** @param value in the metric's unit: seconds */
  observe(value: number): void {
    const { bounds, counts } = this
    let index = 0
    while (index < bounds.length && value > (bounds[index] ?? 0)) index += 1
    counts[index] = (counts[index] ?? 0) + 1
    this.sum += value
  }
}
