import type { User } from '../accounts/user.ts'
import { OAuthError } from '../errors.ts'
import type { TokenCheck } from '../tokens/token-check.ts'
import { claimsAbout, type ClaimsRequest } from './claims.ts'
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
  requireBinding: RequireBinding
  issuer: string
}

/** OpenID Connect Core §5.3: what the client may know about whoever its token is for. */
export function createUserinfo({ checkToken, findGrant, requireBinding, issuer }: UserinfoDeps) {
  /** @throws {OAuthError} `invalid_token`, `insufficient_scope` */
  return async function userinfo(
    shown: ShownToken,
    method: string
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
    const { user, claims: requested } = grant
    return { ...claimsAbout(user, scopes, requested?.userinfo ?? {}), sub: claims.sub }
  }
}
