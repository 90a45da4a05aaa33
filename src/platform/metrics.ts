import { AggregatorRegistry, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import { ProblemError } from '../errors.ts'
import { createHistogram, TalliedCounter, type Tally } from './series.ts'
import { answerForWorkers, gatherFromWorkers } from './workers.ts'

const PREFIX = 'latchkey_'

export type Metrics = ReturnType<typeof createMetrics>

/** What Prometheus reads. A registry of its own, so that two servers in one process do not meet. */
export function createMetrics({ ofProcess }: { ofProcess: boolean }) {
  const registry = new Registry()
  // They sample the event loop as long as the process lives: not for every short one.
  if (ofProcess) collectDefaultMetrics({ register: registry, prefix: PREFIX })

  /** Counts what happened. Label values come from closed lists, never from a request. */
  function counter<const Label extends string = never>(
    name: string,
    help: string,
    labelNames: readonly Label[] = []
  ): TalliedCounter<Label> {
    return new TalliedCounter({ name: PREFIX + name, help, labelNames, registers: [registry] })
  }

  /** How long something takes, in seconds: `name` ends in `_seconds`. */
  function histogram<const Label extends string = never>(
    name: string,
    help: string,
    labelNames: readonly Label[],
    buckets: number[]
  ) {
    return createHistogram({ name: PREFIX + name, help, labelNames, buckets, registry })
  }

  /** Counts by `outcome`. Every one is there from the start: a rate over a series that begins with its first fault would miss it. */
  function outcomes<const Outcome extends string>(
    name: string,
    help: string,
    known: readonly Outcome[]
  ) {
    return createOutcomeCounter(counter(name, help, ['outcome']), known)
  }

  /**
   * A value that is looked up when it is asked for.
   * @param read throws when it cannot be told: the line is missing then, the others stand
   * @param ofWorkers what several workers of one server say together: what lies in Postgres is the same for all,
   *   what each has for itself adds up
   */
  function gauge(
    name: string,
    help: string,
    read: () => Promise<number> | number,
    ofWorkers: OfWorkers = 'max'
  ): void {
    new Gauge({
      name: PREFIX + name,
      help,
      registers: [registry],
      aggregator: ofWorkers,
      async collect() {
        try {
          this.set(await read())
        } catch {
          this.remove()
        }
      }
    })
  }

  /**
   * The same with labels; what `read` does not name is not there.
   * @param read throws when it cannot be told
   */
  function labelledGauge<const Label extends string>(
    name: string,
    help: string,
    labelNames: readonly Label[],
    read: () => Promise<LabelledValue<Label>[]> | LabelledValue<Label>[],
    ofWorkers: OfWorkers = 'max'
  ): void {
    new Gauge({
      name: PREFIX + name,
      help,
      labelNames,
      registers: [registry],
      aggregator: ofWorkers,
      async collect() {
        const values = await Promise.resolve()
          .then(read)
          .catch(() => [])
        this.reset()
        for (const { labels, value } of values) this.set(labels, value)
      }
    })
  }

  /** Prometheus' text format: of all workers, where there are several. */
  async function render(): Promise<{ contentType: string; body: string }> {
    const { contentType } = registry
    const all = await gatherFromWorkers()
    if (all === null) return { contentType, body: await registry.metrics() }
    return { contentType, body: await AggregatorRegistry.aggregate(all as object[]).metrics() }
  }

  answerForWorkers(() => registry.getMetricsAsJSON())
  return { counter, histogram, outcomes, gauge, labelledGauge, render }
}

type OfWorkers = 'max' | 'sum'

export type LabelledValue<Label extends string> = { labels: Record<Label, string>; value: number }

function createOutcomeCounter<Outcome extends string>(
  counter: TalliedCounter<'outcome'>,
  known: readonly Outcome[]
) {
  const rest = counter.tally({ outcome: 'error' })
  const children = new Map<string, Tally>([['error', rest]])
  for (const outcome of known) children.set(outcome, counter.tally({ outcome }))

  function count(outcome: Outcome): void {
    children.get(outcome)?.inc()
  }

  /** Counts what a call that failed ended with: the problem's code where it is on the list. */
  function countFailure(error: unknown): void {
    const child = error instanceof ProblemError ? children.get(error.code) : undefined
    ;(child ?? rest).inc()
  }

  /** The same function, counted. */
  function watch<Args extends unknown[], Result>(
    work: (...args: Args) => Promise<Result>,
    done: Outcome
  ): (...args: Args) => Promise<Result> {
    return async (...args) => {
      try {
        const result = await work(...args)
        count(done)
        return result
      } catch (error) {
        countFailure(error)
        throw error
      }
    }
  }

  return { count, countFailure, watch }
}
