import type { IncomingMessage } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify'
import fp from 'fastify-plugin'
import { ADMIN_SCOPE } from '../accounts/roles.ts'
import { ProblemError } from '../errors.ts'
import type { Principal } from '../sessions/principal.ts'

/** Who may call a route. Every route says so; one that does not keeps the server from starting. */
export type Access = 'public' | 'user' | 'admin'

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: Access
    /** Wants a login of the last five minutes; so does every act of an administrator, unless it says no. */
    freshLogin?: boolean
  }
  interface FastifyRequest {
    /** Set on routes that are not public. */
    principal: Principal | null
  }
}

export type AccessOptions = {
  /** @returns null for every token that opens nothing here @throws {UnavailableError} when it cannot be told */
  findPrincipal: (accessToken: string) => Promise<Principal | null>
  now: () => Date
}

const AUTHORIZATION = 'authorization'
/** How old a login may be for what is sensitive (P6). */
const FRESH_LOGIN_SECONDS = 300

/** Deny by default: identity comes from a verified token only, and every route declares who may call it. */
export default fp<AccessOptions>(
  (app: FastifyInstance, { findPrincipal, now }, done) => {
    app.decorateRequest('principal', null)
    const routes: RouteOptions[] = []
    app.addHook('onRoute', (route) => {
      routes.push(route)
    })
    app.addHook('onReady', (ready) => {
      const silent = routes.filter(({ config }) => config?.access === undefined)
      const names = silent.map(({ method, url }) => `${String(method)} ${url}`).join(', ')
      ready(names === '' ? undefined : new Error(`No config.access says who may call ${names}.`))
    })
    app.addHook('onRequest', (request, reply, next) => {
      const { access } = request.routeOptions.config
      // What is not found is for everybody; every route that is says who may call it.
      if (access === 'public' || access === undefined) next()
      else {
        letIn(access, request, reply).then(() => {
          next()
        }, next)
      }
    })

    async function letIn(access: Access, request: FastifyRequest, reply: FastifyReply) {
      const token = bearerToken(request)
      request.principal = token === null ? null : await findPrincipal(token)
      if (request.principal === null) {
        throw new ProblemError('invalid_access_token', 'Log in, and send a valid access token.')
      }
      if (access === 'admin' && !request.principal.scopes.includes(ADMIN_SCOPE)) {
        throw new ProblemError('insufficient_scope', 'This is for administrators.')
      }
      const { freshLogin = access === 'admin' && !isRead(request) } = request.routeOptions.config
      if (freshLogin) requireFreshLogin(request.principal, reply)
    }

    /** RFC 9470 §3: says how young the login must be; `POST /auth/reauthenticate` makes it so. */
    function requireFreshLogin({ claims }: Principal, reply: FastifyReply): void {
      const ageSeconds = now().getTime() / 1_000 - (claims.auth_time ?? 0)
      if (ageSeconds <= FRESH_LOGIN_SECONDS) return
      const parameters = [
        'error="insufficient_user_authentication"',
        'error_description="A more recent login is required"',
        `max_age="${FRESH_LOGIN_SECONDS}"`
      ]
      reply.header('www-authenticate', `Bearer ${parameters.join(', ')}`)
      throw new ProblemError(
        'insufficient_user_authentication',
        'Show your password again at /auth/reauthenticate, and repeat this with the new access token.'
      )
    }
    done()
  },
  { name: 'access', fastify: '5.x' }
)

function isRead({ method }: FastifyRequest): boolean {
  return method === 'GET' || method === 'HEAD'
}

/**
 * The token of the one `Authorization: Bearer` header (RFC 6750 §2.1); never one from a query or a body.
 * Of two headers Node would take the first, and a proxy before us perhaps the last: neither counts.
 */
export function bearerToken(request: FastifyRequest): string | null {
  return bearerTokenOf(request.raw)
}

/** The same of Node's request. */
export function bearerTokenOf({ rawHeaders, headers }: IncomingMessage): string | null {
  if (countOf(rawHeaders, AUTHORIZATION) > 1) return null
  const match = /^Bearer +([\w~+/.-]+=*)$/i.exec(headers.authorization ?? '')
  return match?.[1] ?? null
}

/** How often a header was sent. @param name in lower case */
function countOf(rawHeaders: readonly string[], name: string): number {
  let count = 0
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const shown = rawHeaders[index] ?? ''
    if (shown.length === name.length && shown.toLowerCase() === name) count += 1
  }
  return count
}

/** The person on a route that is not public. */
export function principalOf(request: FastifyRequest): Principal {
  if (request.principal === null) throw new Error('This route does not require a person.')
  return request.principal
}
