import type { User } from '../accounts/user.ts'
import type { RequestOrigin } from '../audit/events.ts'
import { OAuthError } from '../errors.ts'
import type { TokenCheck } from '../tokens/token-check.ts'
import { identitiesOf, type TokenIdentity } from '../tokens/token-identity.ts'
import { claimsAbout, claimsWithin, type ClaimsRequest } from './claims.ts'
import type { Client } from './client.ts'
import { parseScope } from './scopes.ts'
import { invalidToken, type RequireBinding, type ShownToken } from './shown-token.ts'

/** The person and the request behind a live grant. */
export type FindGrant = (
  sessionId: string
) => Promise<{ user: User; claims: ClaimsRequest | null } | null>

export type Userinfo = ReturnType<typeof createUserinfo>

export type UserinfoDeps = {
  checkToken: TokenCheck
  findGrant: FindGrant
  findClient: (id: string) => Promise<Client | null>
  requireBinding: RequireBinding
  issuer: string
}

/** OpenID Connect Core §5.3: what the client may know about whoever its token is for. */
export function createUserinfo(deps: UserinfoDeps) {
  const { checkToken, findGrant, findClient, requireBinding, issuer } = deps

  /** @throws {OAuthError} `invalid_token`, `insufficient_scope` */
  return async function userinfo(
    shown: ShownToken,
    { method, origin }: { method: string; origin: RequestOrigin }
  ): Promise<Record<string, unknown>> {
    const claims = await checkToken(shown.token, issuer)
    if (claims === null) throw invalidToken('not a live token for this server')
    await requireBinding(claims, shown, { method, url: `${issuer}/oauth/userinfo` })
    const scopes = parseScope(claims.scope)
    if (claims.sid === undefined || !scopes.includes('openid')) {
      throw new OAuthError('insufficient_scope', 'The token lacks the scope openid.')
    }
    const grant = await findGrant(claims.sid)
    if (grant === null) throw invalidToken('its grant has ended')
    const { user } = grant
    origin.tell?.({ userId: user.id, sessionId: claims.sid })
    const requested = await within(grant.claims, claims)
    return { ...claimsAbout(user, scopes, requested?.userinfo), sub: claims.sub }
  }

  /**
   * What a grant was asked with, as far as whoever holds the token may know it, and whoever held those that
   * it was made of: none sees more than the one before. An operator may have taken a scope since.
   */
  async function within(
    requested: ClaimsRequest | null,
    token: TokenIdentity
  ): Promise<ClaimsRequest | null> {
    if (requested === null || Object.keys(requested.userinfo ?? {}).length === 0) return null
    const ids = new Set(identitiesOf(token).map(({ client_id: id }) => id))
    const holders = await Promise.all([...ids].map(findClient))
    return holders.reduce((told, holder) => claimsWithin(told, holder?.scopes ?? []), requested)
  }
}
