import type { Metrics } from '../platform/metrics.ts'

const BUCKETS_SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5]

/** What Prometheus is told of the queue that password hashes stand in. */
export function addHashingMetrics(
  metrics: Metrics,
  load: () => { running: number; waiting: number }
) {
  metrics.labelledGauge(
    'password_hashes',
    'Password hashes that are computed or wait in line',
    ['state'],
    () => Object.entries(load()).map(([state, value]) => ({ labels: { state }, value })),
    'sum'
  )
  const shed = metrics.counter(
    'password_hashes_shed_total',
    'Password hashes refused because too many wait: the answer is 503'
  )
  const duration = metrics
    .histogram(
      'password_hash_seconds',
      'Time that one password hash takes, without the wait for it',
      [],
      BUCKETS_SECONDS
    )
    .labels({})

  async function time<T>(job: () => Promise<T>): Promise<T> {
    const startedAtMs = performance.now()
    try {
      return await job()
    } finally {
      duration.observe((performance.now() - startedAtMs) / 1_000)
    }
  }

  return {
    time,
    countShed: () => {
      shed.inc()
    }
  }
}
