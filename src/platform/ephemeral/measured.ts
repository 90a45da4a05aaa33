import type { Metrics } from '../metrics.ts'
import type { EphemeralStore } from './store.ts'

const VERBS = ['count', 'counted', 'setIfAbsent', 'announce'] as const
type Verb = (typeof VERBS)[number]

/** From a Redis on one machine to what is given up. */
const BUCKETS_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25]

/** The same store; how fast it answers, and how often it does not, is told. */
export function measureStore(store: EphemeralStore, metrics: Metrics): EphemeralStore {
  if (store.kind === 'memory') return store
  const durations = metrics.histogram(
    'redis_command_seconds',
    'Time until Redis answered',
    ['command'],
    BUCKETS_SECONDS
  )
  const failures = metrics.counter(
    'redis_failures_total',
    'Times that Redis did not answer: the server went on without it',
    ['command']
  )
  const nameOf = (verb: Verb) => ({ command: verb === 'setIfAbsent' ? 'set_if_absent' : verb })
  for (const verb of VERBS) failures.inc(nameOf(verb), 0)

  function measured<V extends Verb>(verb: V): EphemeralStore[V] {
    const duration = durations.labels(nameOf(verb))
    const failure = failures.labels(nameOf(verb))
    const call = store[verb].bind(store) as (...args: unknown[]) => Promise<unknown>
    const observed = async (...args: unknown[]) => {
      const startedAtMs = performance.now()
      try {
        return await call(...args)
      } catch (error) {
        failure.inc()
        throw error
      } finally {
        duration.observe((performance.now() - startedAtMs) / 1_000)
      }
    }
    return observed as EphemeralStore[V]
  }

  return {
    ...store,
    count: measured('count'),
    counted: measured('counted'),
    setIfAbsent: measured('setIfAbsent'),
    announce: measured('announce')
  }
}
