import { userPlace } from '../accounts/user.ts'
import type { Roles } from '../accounts/roles.ts'
import type { Clock } from '../platform/clock.ts'
import type { DataKeys } from '../platform/keys/data-keys.ts'
import type { Sealer } from '../platform/keys/sealer.ts'
import type { AccessTokens, AccessTokenSubject } from '../tokens/access-token.ts'
import { writeRefreshToken } from './refresh-token.ts'
import { FIRST_PARTY_CLIENT, type LiveSession } from './session.ts'

/** An access token, wire spelling. Lives are seconds. */
export type AccessAnswer = { access_token: string; token_type: 'Bearer'; expires_in: number }

/** What a login or a refresh hands out. */
export type TokenPair = AccessAnswer & { refresh_token: string; refresh_expires_in: number }

export type TokenIssuers = ReturnType<typeof createTokenIssuers>
export type IssuePair = TokenIssuers['issuePair']
export type IssueAccess = TokenIssuers['issueAccess']

export type PersonalClaim = 'email' | 'email_verified' | 'name' | 'username'

export type TokenIssuersDeps = {
  accessTokens: AccessTokens
  dataKeys: DataKeys
  sealer: Sealer
  clock: Clock
  scopesOf: Roles['scopesOf']
  personalClaims: PersonalClaim[]
}

/** The tokens of a session at its present generation. */
export function createTokenIssuers(deps: TokenIssuersDeps) {
  const { accessTokens, dataKeys, sealer, clock, scopesOf, personalClaims } = deps

  /**
   * The refresh token follows from the row alone (its MAC key is the one that was active at
   * `rotatedAt`), so a lost answer can be given again to the letter.
   */
  async function issuePair(session: LiveSession, secret: Buffer): Promise<TokenPair> {
    const { id, generation, rotatedAt, expiresAt, idleExpiresAt } = session
    const macKey = dataKeys.activeAt('refresh_mac', rotatedAt)
    const endsAt = Math.min(expiresAt.getTime(), idleExpiresAt.getTime())
    return {
      ...(await issueAccess(session)),
      refresh_token: writeRefreshToken({ sessionId: id, generation, secret }, macKey),
      refresh_expires_in: Math.max(0, Math.round((endsAt - clock.now().getTime()) / 1_000))
    }
  }

  /** Another access token, beside the refresh token that its holder has. */
  async function issueAccess(session: LiveSession): Promise<AccessAnswer> {
    return {
      access_token: await accessTokens.issue(subjectOf(session)),
      token_type: 'Bearer',
      expires_in: accessTokens.ttlSeconds
    }
  }

  function subjectOf(session: LiveSession): AccessTokenSubject {
    return {
      sub: session.userId,
      sid: session.id,
      client_id: session.clientId,
      // First-party tokens say what the person's roles allow today.
      scope:
        session.clientId === FIRST_PARTY_CLIENT ? scopesOf(session.roles).join(' ') : session.scope,
      roles: session.roles,
      auth_time: Math.floor(session.authTime.getTime() / 1_000),
      amr: session.amr,
      ...(personalClaims.length > 0 && { personal: personal(session) })
    }
  }

  function personal(session: LiveSession): NonNullable<AccessTokenSubject['personal']> {
    const { userId, emailSealed, emailVerifiedAt, name, username } = session
    const place = userPlace(userId, 'email_sealed')
    const asks = (claim: PersonalClaim) => personalClaims.includes(claim)
    return {
      ...(asks('email') && { email: sealer.open(emailSealed, place) }),
      ...(asks('email_verified') && { email_verified: emailVerifiedAt !== null }),
      ...(asks('name') && name !== null && { name }),
      ...(asks('username') && username !== null && { username })
    }
  }

  return { issuePair, issueAccess }
}
