import rateLimit, { type FastifyRateLimitStore } from '@fastify/rate-limit'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import type { FloodCounter } from '../abuse/flood-limit.ts'
import { ProblemError } from '../errors.ts'

/** Doors that share a limit: a route, its aliases and its page are one. */
export type LimitGroup =
  'login' | 'register' | 'reset' | 'client_registration' | 'device' | 'authorize'

export type Limit = { max: number; windowMs: number }

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Limits calls per client address (IPv6 by /64), over all replicas. */
    limit?: LimitGroup
  }
}

export type RateLimitsOptions = { limits: Record<LimitGroup, Limit>; count: FloodCounter }

/** Per address, on the ephemeral store; 429 says when to come back. */
export default fp<RateLimitsOptions>(
  async (app: FastifyInstance, { limits, count }) => {
    app.addHook('onRoute', (route) => {
      const group = route.config?.limit
      if (group === undefined) return
      const { max, windowMs } = limits[group]
      route.config = { ...route.config, rateLimit: { max, timeWindow: windowMs, groupId: group } }
    })
    await app.register(rateLimit, {
      global: false,
      ipv6Subnet: 64,
      enableDraftSpec: true,
      store: storeOn(count),
      errorResponseBuilder: (_request, { ttl }) =>
        new ProblemError(
          'too_many_attempts',
          'Too many requests from your address. Try again later.',
          {
            retryAfterSeconds: Math.ceil(ttl / 1_000)
          }
        )
    })
  },
  { name: 'rate-limits', fastify: '5.x' }
)

type Counted = Parameters<FastifyRateLimitStore['incr']>[1]

/** The plugin makes its stores itself, one per route; all of them count in the same place. */
function storeOn(count: FloodCounter) {
  return class EphemeralCounts implements FastifyRateLimitStore {
    incr(key: string, counted: Counted, windowMs: number): void {
      count('address', key, windowMs).then(
        ({ count: current, resetsInMs }) => {
          counted(null, { current, ttl: resetsInMs })
        },
        (error: unknown) => {
          counted(error as Error)
        }
      )
    }

    child(): FastifyRateLimitStore {
      return this
    }
  }
}
