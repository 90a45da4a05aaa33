import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { sendPrebuilt } from '../http/prebuilt.ts'

const Up = Type.Union([Type.Literal('up'), Type.Literal('down')])

const HealthAnswer = Type.Object({
  status: Type.Union([Type.Literal('ok'), Type.Literal('degraded'), Type.Literal('down')]),
  database: Up,
  redis: Type.Union([Up, Type.Literal('in-process')]),
  timestamp: Type.String({ format: 'date-time' })
})

const ProbeAnswer = Type.Object({ status: Type.String() })
/** What a probe is told needs no serializer: with the first one a hundred modules are loaded. */
const PROBE = {
  alive: '{"status":"alive"}',
  ready: '{"status":"ready"}',
  notReady: '{"status":"not ready"}'
}
const JSON_TYPE = 'application/json; charset=utf-8'

export type HealthRoutesOptions = {
  isDatabaseUp: () => Promise<boolean>
  isRedisUp: () => Promise<boolean>
  redisKind: 'memory' | 'redis'
  isDraining: () => boolean
  now: () => Date
}

export const healthRoutes: FastifyPluginCallbackTypebox<HealthRoutesOptions> = (
  app,
  { isDatabaseUp, isRedisUp, redisKind, isDraining, now },
  done
) => {
  app.get(
    '/health',
    {
      config: { access: 'public' },
      schema: {
        tags: ['operations'],
        summary: 'What it stands on, for people and dashboards',
        response: { 200: HealthAnswer, 503: HealthAnswer }
      }
    },
    async (_request, reply) => {
      const [isDatabaseOk, isRedisOk] = await Promise.all([isDatabaseUp(), isRedisUp()])
      const status = !isDatabaseOk ? 'down' : isRedisOk ? 'ok' : 'degraded'
      const redis = redisKind === 'memory' ? 'in-process' : isRedisOk ? 'up' : 'down'
      return reply.code(isDatabaseOk ? 200 : 503).send({
        status,
        database: isDatabaseOk ? 'up' : 'down',
        redis,
        timestamp: now().toISOString()
      })
    }
  )

  app.get(
    '/livez',
    {
      config: { access: 'public' },
      schema: { tags: ['operations'], summary: 'The process runs', response: { 200: ProbeAnswer } }
    },
    async (_request, reply) => sendPrebuilt(reply, PROBE.alive, JSON_TYPE)
  )

  app.get(
    '/readyz',
    {
      config: { access: 'public' },
      schema: {
        tags: ['operations'],
        summary:
          'Send it requests: Postgres answers and it is not draining. Redis is not needed for that',
        response: { 200: ProbeAnswer, 503: ProbeAnswer }
      }
    },
    async (_request, reply) => {
      const isReady = !isDraining() && (await isDatabaseUp())
      const answer = isReady ? PROBE.ready : PROBE.notReady
      return sendPrebuilt(reply.code(isReady ? 200 : 503), answer, JSON_TYPE)
    }
  )

  done()
}
