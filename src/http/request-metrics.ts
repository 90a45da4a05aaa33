import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import type { Metrics } from '../platform/metrics.ts'
import type { AnsweredRequest } from './request-log.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** What was refused before there was a route, whose hooks would have counted it. */
    countUnrouted: (method: string, status: number) => void
    countRequest: (request: AnsweredRequest) => void
  }
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']
/** From an answer out of memory to what nobody waits for. */
const BUCKETS_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]

/**
 * Requests by the template of their route, never by their URL, and by the class of their status: as many
 * series as there are routes, whatever is sent.
 */
export default fp<{ metrics: Metrics }>(
  (app: FastifyInstance, { metrics }, done) => {
    const requests = metrics.counter('http_requests_total', 'Requests answered', [
      'method',
      'route',
      'status'
    ])
    const durations = metrics.histogram(
      'http_request_seconds',
      'Time from the first byte of a request to the last of its answer',
      ['method', 'route'],
      BUCKETS_SECONDS
    )
    const series = new Map<string, ReturnType<typeof seriesOf>>()

    function seriesOf(method: string, route: string, status: string) {
      return {
        count: requests.tally({ method, route, status }),
        duration: durations.labels({ method, route })
      }
    }

    app.decorate('countUnrouted', (method, status) => {
      const labels = { method: labelOf(method), route: 'none', status: classOf(status) }
      requests.inc(labels)
    })
    app.decorate('countRequest', ({ method: name, route, status, ms }) => {
      const method = labelOf(name)
      const key = `${method} ${route} ${Math.floor(status / 100)}`
      let known = series.get(key)
      if (known === undefined) series.set(key, (known = seriesOf(method, route, classOf(status))))
      known.count.inc()
      known.duration.observe(ms / 1_000)
    })
    done()
  },
  { name: 'request-metrics', fastify: '5.x' }
)

const labelOf = (method: string) => (METHODS.includes(method) ? method : 'other')
const classOf = (status: number) => `${Math.floor(status / 100)}xx`
