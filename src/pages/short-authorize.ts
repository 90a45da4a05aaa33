import type { IncomingMessage } from 'node:http'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { readBrowserCookie } from '../http/browser-session.ts'
import { readPlainParameters } from '../http/plain-parameters.ts'
import type { ShortAnswer } from '../http/short-paths.ts'
import {
  PLAIN_PARAMETERS,
  type AuthorizePlan,
  type QuickAnswer,
  type QuickAuthorize
} from '../oauth/authorize/quick-authorize.ts'
import { openBrowserCookieValue, type BrowserClaim } from '../sessions/browser-cookie.ts'

/** What pages say. */
const HEADERS = { 'referrer-policy': 'same-origin' }

/**
 * The plain requests at the authorization endpoint, before the lifecycle and in it.
 * @returns what the route asks first: null where the long way is due
 */
export function createShortAuthorize(
  app: FastifyInstance,
  { plan, carryOut }: QuickAuthorize
): (request: FastifyRequest, shown: Record<string, unknown>) => Promise<QuickAnswer | null> {
  /** Of what goes through the lifecycle after all: it is not tried again, and a fault is told once. */
  const tried = new WeakMap<IncomingMessage, Promise<QuickAnswer | null>>()

  function findShort(request: IncomingMessage, query: string) {
    const claim = openBrowserCookieValue(app.readPlainCookie(request.headers, 'session'))
    const shown = claim === null ? null : readPlainParameters(query, PLAIN_PARAMETERS)
    const planned = shown === null ? null : plan(shown)
    return claim === null || planned === null ? null : countAndTry(request, planned, claim)
  }

  function countAndTry(request: IncomingMessage, planned: AuthorizePlan, claim: BrowserClaim) {
    const counting = app.countShortly('authorize', request)
    if (counting === null) return null
    return counting.then(async ({ isExceeded, lines, handOver }): Promise<ShortAnswer | null> => {
      if (!isExceeded) {
        const trying = carryOut(planned, claim)
        tried.set(request, trying)
        const answer = await trying.catch(() => null)
        if (answer !== null) return { ...answer, body: '', headers: HEADERS, lines }
      }
      handOver()
      return null
    })
  }

  app.answerShortly('/oauth/authorize', 'query', findShort)
  return async function authorizeShortly(request, shown) {
    const before = tried.get(request.raw)
    if (before !== undefined) return before
    const claim = openBrowserCookieValue(readBrowserCookie(request))
    const planned = claim === null ? null : plan(shown)
    return claim === null || planned === null ? null : carryOut(planned, claim)
  }
}
