import type { Metrics } from '../platform/metrics.ts'
import type { AccessTokenClaims, AccessTokens } from './access-token.ts'
import type { RevocationFeed } from './revocation-feed.ts'

export type TokenChecks = ReturnType<typeof createTokenCheck>
export type TokenCheck = TokenChecks['checkToken']
export type RecallToken = TokenChecks['recallToken']

/** The one question that every door asks: is this a live access token of ours, meant for `audience`? */
export function createTokenCheck(
  accessTokens: AccessTokens,
  revocationFeed: RevocationFeed,
  metrics: Metrics
) {
  const checks = metrics.outcomes('token_checks_total', 'Access tokens checked', [
    'valid',
    'invalid',
    'revoked',
    'service_unavailable'
  ])

  /**
   * @param audience null where the caller judges `aud` by itself
   * @returns its claims, or null for every reason not to believe it
   * @throws {UnavailableError} when it cannot be told: 503, never 401
   */
  async function checkToken(
    token: string,
    audience: string | null
  ): Promise<AccessTokenClaims | null> {
    const recalled = recallToken(token, audience)
    if (recalled !== null) return recalled
    const claims = await accessTokens.verify(token, audience)
    if (claims === null) {
      checks.count('invalid')
      return null
    }
    const isRevoked = await revocationFeed.isRevoked(claims).catch((error: unknown) => {
      checks.countFailure(error)
      throw error
    })
    checks.count(isRevoked ? 'revoked' : 'valid')
    return isRevoked ? null : claims
  }

  /**
   * The same from memory, for a token that was checked before.
   * @returns null where {@link checkToken} has to say: this says nothing against a token
   */
  function recallToken(token: string, audience: string | null): AccessTokenClaims | null {
    const claims = accessTokens.recall(token, audience)
    if (claims === null || !revocationFeed.isSurelyLive(claims)) return null
    checks.count('valid')
    return claims
  }

  return { checkToken, recallToken }
}
