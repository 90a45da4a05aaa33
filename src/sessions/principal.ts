import type { Roles } from '../accounts/roles.ts'
import type { User } from '../accounts/user.ts'
import type { AccessTokenClaims } from '../tokens/access-token.ts'
import type { TokenCheck } from '../tokens/token-check.ts'
import { FIRST_PARTY_CLIENT } from './session.ts'
import type { SessionStore } from './session-store.ts'

/** The person behind a first-party access token, as Postgres knows them now. */
export type Principal = {
  user: User
  sessionId: string
  /** What their roles allow now, whatever the token says. */
  scopes: string[]
  claims: AccessTokenClaims
}

export type PrincipalFinderDeps = {
  checkToken: TokenCheck
  store: SessionStore
  findUser: (id: string) => Promise<User | null>
  scopesOf: Roles['scopesOf']
  issuer: string
}

/**
 * Who may use `/auth`, `/users` and `/admin`: a live token of the built-in client, whose session and
 * person Postgres still has. A third-party client's token opens nothing here, whoever it belongs to.
 */
export function createPrincipalFinder(deps: PrincipalFinderDeps) {
  const { checkToken, store, findUser, scopesOf, issuer } = deps

  return async function findPrincipal(accessToken: string): Promise<Principal | null> {
    const claims = await checkToken(accessToken, issuer)
    if (claims?.client_id !== FIRST_PARTY_CLIENT || claims.sid === undefined) return null
    const { sub, sid } = claims
    const [user, isAlive] = await Promise.all([findUser(sub), store.isAlive(sid)])
    if (user === null || user.status !== 'active' || !isAlive) return null
    return { user, sessionId: sid, scopes: scopesOf(user.roles), claims }
  }
}
