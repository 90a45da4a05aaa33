import type { Metrics } from '../metrics.ts'

/** How Postgres is asked: a named statement, a transaction of several, an everyday query. */
export type QueryKind = 'statement' | 'transaction' | 'query'

/** Told about everything that was asked of Postgres: how long it took, and whether Postgres answered. */
export type ObserveQuery = (kind: QueryKind, seconds: number, isAnswered: boolean) => void

/** Connections of the pool; `waiting` are requests that stand in line for one. */
export type PoolState = { total: number; idle: number; waiting: number; max: number }

/** From a statement on one machine to what is given up. */
const BUCKETS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 2.5]

/** How fast Postgres answers, the wait for a connection included. @returns what observes */
export function addQueryMetrics(metrics: Metrics): ObserveQuery {
  const durations = metrics.histogram(
    'postgres_query_seconds',
    'Time until Postgres answered, the wait for a connection included',
    ['kind'],
    BUCKETS_SECONDS
  )
  const failures = metrics.counter(
    'postgres_failures_total',
    'Times that Postgres did not answer: the caller got a 503, or tries again',
    ['kind']
  )
  const kinds: QueryKind[] = ['statement', 'transaction', 'query']
  const series = new Map(
    kinds.map((kind) => {
      failures.inc({ kind }, 0)
      return [kind, { duration: durations.labels({ kind }), failure: failures.labels({ kind }) }]
    })
  )
  return (kind, seconds, isAnswered) => {
    series.get(kind)?.duration.observe(seconds)
    if (!isAnswered) series.get(kind)?.failure.inc()
  }
}

/** What the pool holds. */
export function addPoolMetrics(metrics: Metrics, poolState: () => PoolState): void {
  metrics.labelledGauge(
    'postgres_connections',
    'Connections to Postgres that this server has',
    ['state'],
    () => {
      const { total, idle } = poolState()
      return [
        { labels: { state: 'idle' }, value: idle },
        { labels: { state: 'busy' }, value: total - idle }
      ]
    },
    'sum'
  )
  metrics.gauge(
    'postgres_connections_max',
    'Connections that this server may have (DATABASE_POOL_SIZE)',
    () => poolState().max,
    'sum'
  )
  metrics.gauge(
    'postgres_connection_waiters',
    'Queries that wait for a connection',
    () => poolState().waiting,
    'sum'
  )
}
