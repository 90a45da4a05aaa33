import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Captcha } from '../abuse/captcha.ts'
import { nameOf, type Identifier } from '../accounts/identifier.ts'
import { MessageAnswer } from '../accounts/schemas.ts'
import { toWireUser } from '../accounts/user.ts'
import { validationFailed } from '../errors.ts'
import { bearerToken } from '../http/access.ts'
import type { CrossSiteRule } from '../http/cross-site.ts'
import { originOf, tellWho } from '../http/request-origin.ts'
import { problems } from '../http/schemas.ts'
import { userAgentOf } from '../http/user-agent.ts'
import { DEVICE_SECONDS } from '../accounts/known-devices.ts'
import { LoginAnswer, LoginBody, LogoutBody, RefreshAnswer, RefreshBody } from './schemas.ts'
import type { Delivery } from './session.ts'
import type { Sessions } from './room.ts'
import { createShortRefresh } from './short-refresh.ts'
import type { TokenPair } from './token-pair.ts'

export type SessionRoutesOptions = Pick<
  Sessions,
  'login' | 'refresh' | 'refreshCurrent' | 'logout' | 'findPrincipal'
> & {
  crossSite: CrossSiteRule
  captcha: Captcha
}

/** One list of the names a route answers to. */
const REFRESH_PATHS = ['/auth/refresh-token', '/auth/refresh']

export const sessionRoutes: FastifyPluginCallbackTypebox<SessionRoutesOptions> = (
  app,
  { login, refresh, refreshCurrent, logout, findPrincipal, crossSite, captcha },
  done
) => {
  /** Puts the refresh token where it belongs: a cookie session never gets one in a body. */
  function deliver(reply: FastifyReply, delivery: Delivery, pair: TokenPair) {
    if (delivery === 'body') return pair
    const { refresh_token: token, ...rest } = pair
    app.writeCookie(reply, 'refresh', token, pair.refresh_expires_in)
    return rest
  }

  /** The refresh token of a body, else of the cookie, which only a page of ours may send. */
  function shownToken(
    request: FastifyRequest,
    inBody: string | undefined
  ): { token: string; delivery: Delivery } | null {
    if (inBody !== undefined) return { token: inBody, delivery: 'body' }
    const inCookie = app.readCookie(request, 'refresh')
    if (inCookie === null) return null
    crossSite.requireOwnPage(request)
    return { token: inCookie, delivery: 'cookie' }
  }

  app.post(
    '/auth/login',
    {
      config: { access: 'public', limit: 'login', hashes: 'api' },
      schema: {
        tags: ['sessions'],
        summary: 'Log in',
        body: LoginBody,
        response: { 200: LoginAnswer, ...problems(400, 401, 403, 413, 415, 422, 429) }
      }
    },
    async (request, reply) => {
      const { password, device, token_delivery: delivery = 'body', captcha_token } = request.body
      const isOwnPage = crossSite.isOwnPage(request)
      if (delivery === 'cookie') crossSite.requireOwnPage(request)
      const deviceCookie = isOwnPage ? app.readCookie(request, 'device') : null
      const identifier = identifierOf(request.body)
      const origin = originOf(request)
      const { user, rememberDevice, ...pair } = await captcha.guard(
        {
          action: 'login',
          name: nameOf(identifier),
          address: origin.address,
          token: captcha_token
        },
        () =>
          login(
            {
              identifier,
              password,
              device: device ?? userAgentOf(request),
              delivery,
              deviceCookie
            },
            origin
          )
      )
      if (isOwnPage && rememberDevice !== null) {
        app.writeCookie(reply, 'device', await rememberDevice(), DEVICE_SECONDS)
      }
      return { ...deliver(reply, delivery, pair), user: toWireUser(user) }
    }
  )

  const shortRefresh = createShortRefresh({ refreshCurrent })
  for (const path of REFRESH_PATHS) {
    app.answerShortly(path, 'json', shortRefresh.findShort)
    app.post(
      path,
      {
        config: { access: 'public' },
        schema: {
          tags: ['sessions'],
          summary: 'Trade a refresh token, from the body or the cookie, for a new pair',
          body: RefreshBody,
          response: { 200: RefreshAnswer, ...problems(400, 401, 403, 413, 415, 422) }
        }
      },
      async (request, reply) => {
        await shortRefresh.requireNoFault(request.raw)
        const shown = shownToken(request, request.body?.refresh_token)
        if (shown === null) throw validationFailed('refresh_token', 'is required')
        const { token, delivery } = shown
        // A refusal leaves the cookie alone: another tab may have put a newer one there.
        return deliver(reply, delivery, await refresh(token, delivery, originOf(request)))
      }
    )
  }

  app.post(
    '/auth/logout',
    {
      config: { access: 'public' },
      schema: {
        tags: ['sessions'],
        summary: 'End this session, the others, or all; repeatable',
        security: [{ bearer: [] }, {}],
        body: LogoutBody,
        response: { 200: MessageAnswer, ...problems(400, 403, 413, 415, 422) }
      }
    },
    async (request, reply) => {
      const { scope = 'this', refresh_token: inBody } = request.body ?? {}
      const accessToken = bearerToken(request)
      const principal = accessToken === null ? null : await findPrincipal(accessToken)
      if (principal !== null)
        tellWho(request, { userId: principal.user.id, sessionId: principal.sessionId })
      const shown = shownToken(request, inBody)
      const fallback = shown === null ? null : { refreshToken: shown.token }
      const proof =
        principal === null
          ? fallback
          : { userId: principal.user.id, sessionId: principal.sessionId }
      await logout(scope, proof, originOf(request))
      if (shown?.delivery === 'cookie' && scope !== 'others') {
        // The cookie may be of another login than the access token: that one ends too.
        await logout('this', { refreshToken: shown.token }, originOf(request))
        app.clearCookie(reply, 'refresh')
      }
      return { message: 'Logged out.' }
    }
  )

  done()
}

function identifierOf({ email, username }: LoginBody): Identifier {
  if (email !== undefined && username === undefined) return { email }
  if (email === undefined && username !== undefined) return { username }
  throw validationFailed('', 'needs either email or username')
}
