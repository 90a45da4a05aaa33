import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'

const Up = Type.Union([Type.Literal('up'), Type.Literal('down')])

const HealthAnswer = Type.Object({
  status: Type.Union([Type.Literal('ok'), Type.Literal('degraded'), Type.Literal('down')]),
  database: Up,
  redis: Type.Union([Up, Type.Literal('in-process')]),
  timestamp: Type.String({ format: 'date-time' })
})

const ProbeAnswer = Type.Object({ status: Type.String() })

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
    () => ({ status: 'alive' })
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
      return reply.code(isReady ? 200 : 503).send({ status: isReady ? 'ready' : 'not ready' })
    }
  )

  done()
}
