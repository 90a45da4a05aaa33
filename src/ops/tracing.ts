import { FastifyOtelInstrumentation } from '@fastify/otel'
import { openTracing } from '../platform/tracing/provider.ts'

/** What machines ask every few seconds would be most of all traces. */
const QUIET = new Set(['/livez', '/readyz', '/health', '/metrics'])

/**
 * Begins to trace requests and what they ask of Postgres and Redis. Call it before the app is built, and
 * only where a collector is configured: it loads what nobody else needs.
 * @returns sends what is left and stops
 */
export function startTracing(): () => Promise<void> {
  const requests = new FastifyOtelInstrumentation({
    registerOnInitialization: true,
    instrumentHooks: false,
    recordExceptions: false,
    ignorePaths: ({ url }) => QUIET.has(url.split('?', 1)[0] ?? ''),
    requestHook: (span, request) => {
      span.setAttribute('latchkey.request_id', request.id)
    }
  })
  return openTracing([requests])
}
