import type { User } from '../accounts/user.ts'
import type { AccessTokenClaims } from '../tokens/access-token.ts'
import type { TokenCheck } from '../tokens/token-check.ts'
import { FIRST_PARTY_CLIENT } from './session.ts'
import type { SessionStore } from './session-store.ts'

/** The person behind a first-party access token, as Postgres knows them now. */
export type Principal = { user: User; sessionId: string; claims: AccessTokenClaims }

export type PrincipalFinderDeps = {
  checkToken: TokenCheck
  store: SessionStore
  findUser: (id: string) => Promise<User | null>
  issuer: string
}

/**
 * Who may use `/auth`, `/users` and `/admin`: a live token of the built-in client, whose session and
 * person Postgres still has. A third-party client's token opens nothing here, whoever it belongs to.
 */
export function createPrincipalFinder({
  checkToken,
  store,
  findUser,
  issuer
}: PrincipalFinderDeps) {
  return async function findPrincipal(accessToken: string): Promise<Principal | null> {
    const claims = await checkToken(accessToken, issuer)
    if (claims === null || claims.client_id !== FIRST_PARTY_CLIENT) return null
    const [user, isAlive] = await Promise.all([findUser(claims.sub), store.isAlive(claims.sid)])
    if (user === null || user.status !== 'active' || !isAlive) return null
    return { user, sessionId: claims.sid, claims }
  }
}
