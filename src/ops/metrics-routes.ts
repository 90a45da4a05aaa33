import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { ProblemError } from '../errors.ts'
import { bearerToken } from '../http/access.ts'
import { isFromLoopback } from '../http/loopback.ts'
import { problems } from '../http/schemas.ts'
import { isSameSecret } from '../lib/secrets.ts'
import type { Metrics } from '../platform/metrics.ts'

export type MetricsRoutesOptions = {
  render: Metrics['render']
  /** What `METRICS_TOKEN` says. Unset: loopback only, and in production nobody. */
  token: string | undefined
  production: boolean
  /** With `METRICS_PORT` the figures are there and nowhere else. */
  isElsewhere: boolean
}

export const metricsRoutes: FastifyPluginCallbackTypebox<MetricsRoutesOptions> = (
  app,
  { render, token, production, isElsewhere },
  done
) => {
  app.get(
    '/metrics',
    {
      config: { access: 'public' },
      schema: {
        tags: ['operations'],
        summary: 'For Prometheus, with the token of METRICS_TOKEN',
        security: [{ operator: [] }],
        produces: ['text/plain'],
        response: { 200: Type.String(), ...problems(401, 404) }
      }
    },
    async (request, reply) => {
      if (isElsewhere) throw new ProblemError('not_found', 'Metrics are at METRICS_PORT.')
      if (token === undefined) {
        if (production || !isFromLoopback(request)) {
          throw new ProblemError('not_found', 'Set METRICS_TOKEN to read metrics.')
        }
      } else if (!isSameSecret(bearerToken(request) ?? '', token)) {
        throw new ProblemError('invalid_access_token', 'Send the token of METRICS_TOKEN.')
      }
      const { contentType, body } = await render()
      return reply.type(contentType).send(body)
    }
  )
  done()
}
