import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import type { Identifier } from '../accounts/credentials.ts'
import { MessageAnswer } from '../accounts/schemas.ts'
import { toWireUser } from '../accounts/user.ts'
import { validationFailed } from '../errors.ts'
import { bearerToken } from '../http/access.ts'
import { originOf } from '../http/request-origin.ts'
import { problems } from '../http/schemas.ts'
import type { Login } from './login.ts'
import type { Logout } from './logout.ts'
import type { Principal } from './principal.ts'
import type { Refresh } from './refresh.ts'
import { LoginAnswer, LoginBody, LogoutBody, RefreshAnswer, RefreshBody } from './schemas.ts'
import { FIRST_PARTY_CLIENT } from './session.ts'

export type SessionRoutesOptions = {
  login: Login
  refresh: Refresh
  logout: Logout
  findPrincipal: (accessToken: string) => Promise<Principal | null>
}

/** One list of the names a route answers to. */
const REFRESH_PATHS = ['/auth/refresh-token', '/auth/refresh']

export const sessionRoutes: FastifyPluginCallbackTypebox<SessionRoutesOptions> = (
  app,
  { login, refresh, logout, findPrincipal },
  done
) => {
  app.post(
    '/auth/login',
    {
      config: { access: 'public' },
      schema: {
        tags: ['sessions'],
        summary: 'Log in',
        body: LoginBody,
        response: { 200: LoginAnswer, ...problems(400, 401, 403, 413, 415, 422, 429) }
      }
    },
    async (request) => {
      const { password, device = null } = request.body
      const input = { identifier: identifierOf(request.body), password, device }
      const { user, ...pair } = await login(input, originOf(request))
      return { ...pair, user: toWireUser(user) }
    }
  )

  for (const path of REFRESH_PATHS) {
    app.post(
      path,
      {
        config: { access: 'public' },
        schema: {
          tags: ['sessions'],
          summary: 'Trade a refresh token for a new pair',
          body: RefreshBody,
          response: { 200: RefreshAnswer, ...problems(400, 401, 413, 415, 422, 429) }
        }
      },
      (request) => refresh(request.body.refresh_token, FIRST_PARTY_CLIENT, originOf(request))
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
        response: { 200: MessageAnswer, ...problems(400, 413, 415, 422) }
      }
    },
    async (request) => {
      const { scope = 'this', refresh_token: refreshToken } = request.body ?? {}
      const accessToken = bearerToken(request)
      const principal = accessToken === null ? null : await findPrincipal(accessToken)
      const fallback = refreshToken === undefined ? null : { refreshToken }
      const proof =
        principal === null
          ? fallback
          : { userId: principal.user.id, sessionId: principal.sessionId }
      await logout(scope, proof, originOf(request))
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
