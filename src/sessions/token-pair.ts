import { userPlace } from '../accounts/user.ts'
import type { Roles } from '../accounts/roles.ts'
import type { Clock } from '../platform/clock.ts'
import type { DataKeys } from '../platform/keys/data-keys.ts'
import type { Sealer } from '../platform/keys/sealer.ts'
import type { AccessTokens, AccessTokenSubject } from '../tokens/access-token.ts'
import { writeRefreshToken } from './refresh-token.ts'
import type { GrantSession, LiveSession } from './session.ts'

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

export type RefreshTokenOf = ReturnType<typeof createRefreshTokenWriter>

/**
 * The refresh token of a session at its present generation. It follows from the row alone (its MAC key is
 * the one that was active at `rotatedAt`), so a lost answer can be given again to the letter.
 */
export function createRefreshTokenWriter({
  dataKeys,
  clock
}: Pick<TokenIssuersDeps, 'dataKeys' | 'clock'>) {
  return function refreshTokenOf(
    { id, generation, rotatedAt, expiresAt, idleExpiresAt }: GrantSession,
    secret: Buffer
  ): Pick<TokenPair, 'refresh_token' | 'refresh_expires_in'> {
    const macKey = dataKeys.activeAt('refresh_mac', rotatedAt)
    const endsAt = Math.min(expiresAt.getTime(), idleExpiresAt.getTime())
    return {
      refresh_token: writeRefreshToken({ sessionId: id, generation, secret }, macKey),
      refresh_expires_in: Math.max(0, Math.round((endsAt - clock.now().getTime()) / 1_000))
    }
  }
}

/** The tokens of a first-party session at its present generation. */
export function createTokenIssuers(deps: TokenIssuersDeps) {
  const { accessTokens, sealer, scopesOf, personalClaims } = deps
  const refreshTokenOf = createRefreshTokenWriter(deps)

  async function issuePair(session: LiveSession, secret: Buffer): Promise<TokenPair> {
    return { ...(await issueAccess(session)), ...refreshTokenOf(session, secret) }
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
      // What the person's roles allow today.
      scope: scopesOf(session.roles).join(' '),
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
