// node bench/metrics-cost.ts: what counting costs on the hot paths, in microseconds a call.
import { createMetrics } from '../src/platform/metrics.ts'
import { addQueryMetrics } from '../src/platform/postgres/query-metrics.ts'

const CALLS = 1_000_000
const metrics = createMetrics({ ofProcess: false })
const checks = metrics.outcomes('token_checks_total', 'Checks', ['valid', 'invalid'])
const observe = addQueryMetrics(metrics)
const requests = metrics.counter('http_requests_total', 'Requests', ['method', 'route', 'status'])
const durations = metrics.histogram(
  'http_request_seconds',
  'Durations',
  ['method', 'route'],
  [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]
)
const labels = { method: 'GET', route: '/verify-token' }
const request = requests.tally({ ...labels, status: '2xx' })
const duration = durations.labels(labels)

function time(name: string, work: () => void): void {
  for (let i = 0; i < CALLS / 10; i += 1) work()
  const startedAtMs = performance.now()
  for (let i = 0; i < CALLS; i += 1) work()
  const micros = ((performance.now() - startedAtMs) * 1_000) / CALLS
  console.log(`${name.padEnd(40)} ${micros.toFixed(3)} µs`)
}

time('a token check', () => {
  checks.count('valid')
})
time('a statement', () => {
  const startedAtMs = performance.now()
  observe('statement', (performance.now() - startedAtMs) / 1_000, true)
})
time('a request: counter and histogram', () => {
  request.inc()
  duration.observe(0.004)
})
