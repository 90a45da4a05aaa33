import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { UnavailableError } from '../errors.ts'
import { sendPrebuilt } from './prebuilt.ts'
import { problemDocument } from './problems.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** It computes a password hash for anybody who asks; in which form it says that it cannot just now. */
    hashes?: 'api' | 'page'
  }
}

export type HashingDoorOptions = {
  /** Whether one more would be too many; then it is counted among those that were shed. */
  turnAway: () => boolean
}

const REASON = 'too many password hashes wait'
/** Whoever asks again as soon as there is an answer asks ten times a second, not a thousand times. */
const HELD_MS = 100
/** So many are held at once; beyond that the answer comes at once. */
const MOST_HELD = 2_000
/** How often the log says that it goes on, beside the line of each request. */
const WARN_EVERY_MS = 10_000

/**
 * Turns a flood of logins away before it costs anything: nothing is read, counted or looked up for it. Asked
 * twice, as many come through a door that has just opened: at first, and after the limit per address.
 */
export default fp<HashingDoorOptions>(
  (app: FastifyInstance, { turnAway }, done) => {
    const refusal = new UnavailableError(REASON)
    const body = JSON.stringify(problemDocument(refusal))
    let held = 0
    let warnedAtMs = -Infinity

    function warn(): void {
      const nowMs = performance.now()
      if (nowMs - warnedAtMs < WARN_EVERY_MS) return
      warnedAtMs = nowMs
      app.log.warn(`${REASON}: logins are turned away`)
    }

    function refuse(request: FastifyRequest, reply: FastifyReply): void {
      request.refusal = refusal.message
      reply.code(refusal.status).header('retry-after', String(refusal.retryAfterSeconds))
      sendPrebuilt(reply, body, 'application/problem+json')
    }

    function later(act: () => void): void {
      if (held >= MOST_HELD) {
        act()
        return
      }
      held += 1
      setTimeout(() => {
        held -= 1
        act()
      }, HELD_MS)
    }

    function guard(request: FastifyRequest, reply: FastifyReply, next: (error?: Error) => void) {
      if (!turnAway()) {
        next()
        return
      }
      warn()
      if (request.routeOptions.config.hashes === 'page') {
        later(() => {
          next(new UnavailableError(REASON))
        })
      } else {
        later(() => {
          refuse(request, reply)
        })
      }
    }

    app.addHook('onRoute', (route) => {
      if (route.config?.hashes !== undefined) {
        route.onRequest = [guard, ...[route.onRequest ?? []].flat(), guard]
      }
    })
    done()
  },
  // Registered after the limits, whose hook is to be between the two.
  { name: 'hashing-door', fastify: '5.x', dependencies: ['problems', 'rate-limits'] }
)
