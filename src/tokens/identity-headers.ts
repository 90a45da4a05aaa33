import type { AccessTokenClaims } from './access-token.ts'

/** A header's value in a single line of ASCII; whatever else a name may hold is not passed on. */
const PLAIN = /^[\x21-\x7e]+(?: [\x21-\x7e]+)*$/

/**
 * Who came, as headers: a proxy that asks before it lets a request pass (Nginx' `auth_request`) reads no
 * body. `X-User-Id` is there for people only, whose tokens have a session behind them, so that no service
 * takes a client for a person; what a token does not say is left out.
 */
export function identityHeaders(claims: AccessTokenClaims): Record<string, string> {
  const { sub, sid, client_id: clientId, scope, roles = [] } = claims
  const told = {
    'x-user-id': sid === undefined ? '' : sub,
    'x-client-id': clientId,
    'x-scope': scope,
    'x-roles': roles.join(' ')
  }
  return Object.fromEntries(Object.entries(told).filter(([, value]) => PLAIN.test(value)))
}
