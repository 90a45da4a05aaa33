import type { User } from '../accounts/user.ts'
import type { RequestOrigin } from '../audit/events.ts'
import { OAuthError } from '../errors.ts'
import type { SignJwt } from '../signing/jwt-signer.ts'
import type { KeyRing } from '../signing/key-ring.ts'
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

/** OpenID Connect Core §5.3.2: JSON, or a JWT where the client has registered for that. */
export type UserinfoAnswer =
  { kind: 'json'; claims: Record<string, unknown> } | { kind: 'jwt'; jwt: string }

export type UserinfoDeps = {
  checkToken: TokenCheck
  findGrant: FindGrant
  findClient: (id: string) => Promise<Client | null>
  requireBinding: RequireBinding
  keyRing: KeyRing
  signJwt: SignJwt
  issuer: string
}

/** OpenID Connect Core §5.3: what the client may know about whoever its token is for. */
export function createUserinfo(deps: UserinfoDeps) {
  const { checkToken, findGrant, findClient, requireBinding, keyRing, signJwt, issuer } = deps

  /** @throws {OAuthError} `invalid_token`, `insufficient_scope` */
  return async function userinfo(
    shown: ShownToken,
    { method, origin }: { method: string; origin: RequestOrigin }
  ): Promise<UserinfoAnswer> {
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
    const told = { ...claimsAbout(user, scopes, requested?.userinfo), sub: claims.sub }
    return answer(told, await findClient(claims.client_id))
  }

  async function answer(
    claims: Record<string, unknown>,
    client: Client | null
  ): Promise<UserinfoAnswer> {
    if (client === null) throw invalidToken('its client is disabled')
    const chosen = client.metadata.userinfo_signed_response_alg
    if (chosen === undefined) return { kind: 'json', claims }
    // Of a ring that is there no more, RS256 takes the place, as for ID tokens.
    const { alg } = keyRing.signingKey(chosen)
    const jwt = await signJwt('JWT', { ...claims, iss: issuer, aud: client.id }, alg)
    return { kind: 'jwt', jwt }
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
