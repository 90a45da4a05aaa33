import type { IncomingMessage } from 'node:http'
import { isIPv4 } from 'node:net'
import rateLimit, { type FastifyRateLimitStore } from '@fastify/rate-limit'
import type { FastifyInstance, onRequestHookHandler } from 'fastify'
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

/** A call that was counted before the lifecycle. */
export type ShortCount = {
  isExceeded: boolean
  /** What the answer says of it. */
  lines: string
  /** The lifecycle answers after all: it counts this call no more. */
  handOver: () => void
}

declare module 'fastify' {
  interface FastifyInstance {
    /** Counts a call as the hook of a limited route does. Null for an address that is not plain. */
    countShortly: (group: LimitGroup, request: IncomingMessage) => Promise<ShortCount> | null
  }
}

export type RateLimitsOptions = {
  limits: Record<LimitGroup, Limit>
  count: FloodCounter
}

/** Per address, on the ephemeral store; 429 says when to come back. */
export default fp<RateLimitsOptions>(
  async (app: FastifyInstance, { limits, count }) => {
    /** What was counted of requests that are answered in the lifecycle after all: gone when they are. */
    const handedOver = new WeakMap<IncomingMessage, FloodCount>()

    app.decorate('countShortly', (group, request) => {
      const address = plainAddress(app.addressOf(request))
      return address === null ? null : countFor(request, address + group, limits[group])
    })

    /** @param key as the plugin names them: the address, then the group */
    async function countFor(
      request: IncomingMessage,
      key: string,
      { max, windowMs }: Limit
    ): Promise<ShortCount> {
      const counted = await count('address', key, windowMs)
      const { isExceeded, remaining, resets } = judge(counted, max)
      return {
        isExceeded,
        lines: `ratelimit-limit: ${max}\r\nratelimit-remaining: ${remaining}\r\nratelimit-reset: ${resets}\r\n`,
        handOver: () => handedOver.set(request, counted)
      }
    }

    app.addHook('onRoute', (route) => {
      const group = route.config?.limit
      if (group === undefined) return
      const { max, windowMs } = limits[group]
      route.config = { ...route.config, rateLimit: { max, timeWindow: windowMs, groupId: group } }
      route.onRequest = [tellAgain(max), ...[route.onRequest ?? []].flat()]
    })

    /** Says what the plugin says, which passes these by. */
    function tellAgain(max: number): onRequestHookHandler {
      return (request, reply, next) => {
        const counted = handedOver.get(request.raw)
        if (counted === undefined) {
          next()
          return
        }
        const { isExceeded, remaining, resets } = judge(counted, max)
        reply.headers({
          'ratelimit-limit': max,
          'ratelimit-remaining': remaining,
          'ratelimit-reset': resets,
          ...(isExceeded && { 'retry-after': resets })
        })
        next(isExceeded ? tooMany(resets) : undefined)
      }
    }

    await app.register(rateLimit, {
      global: false,
      ipv6Subnet: 64,
      enableDraftSpec: true,
      store: storeOn(count),
      allowList: ({ raw }) => handedOver.has(raw),
      errorResponseBuilder: (_request, { ttl }) => tooMany(Math.ceil(ttl / 1_000))
    })
  },
  { name: 'rate-limits', fastify: '5.x' }
)

type FloodCount = Awaited<ReturnType<FloodCounter>>
type Counted = Parameters<FastifyRateLimitStore['incr']>[1]

function judge({ count, resetsInMs }: FloodCount, max: number) {
  return {
    isExceeded: count > max,
    remaining: Math.max(0, max - count),
    resets: Math.ceil(resetsInMs / 1_000)
  }
}

function tooMany(retryAfterSeconds: number): ProblemError {
  const detail = 'Too many requests from your address. Try again later.'
  return new ProblemError('too_many_attempts', detail, { retryAfterSeconds })
}

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

/** IPv4, however it is written; of IPv6 the plugin counts networks. */
function plainAddress(address: string): string | null {
  const plain = address.startsWith('::ffff:') ? address.slice(7) : address
  return isIPv4(plain) ? plain : null
}
