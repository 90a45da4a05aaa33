import type { RequestOrigin } from '../audit/events.ts'
import { ProblemError } from '../errors.ts'
import type { DataKeys } from '../platform/keys/data-keys.ts'
import type { RevocationFeed } from '../tokens/revocation-feed.ts'
import { openRefreshToken } from './refresh-token.ts'
import type { RotationStore } from './rotation-store.ts'
import type { Presenter } from './session.ts'
import type { IssuePair, TokenPair } from './token-pair.ts'

export type Refresh = ReturnType<typeof createRefresh>

export type RefreshDeps = {
  store: RotationStore
  dataKeys: DataKeys
  issuePair: IssuePair
  revocationFeed: RevocationFeed
}

export function createRefresh({ store, dataKeys, issuePair, revocationFeed }: RefreshDeps) {
  /**
   * Trades a refresh token for a new pair and spends the old one.
   *
   * A token that was spent long ago ends the session: the server cannot tell the thief from the
   * client (RFC 9700 §4.14.2). That revocation is committed before the throw.
   *
   * @throws {ProblemError} `invalid_refresh_token`, one text for every reason
   */
  return async function refresh(
    presented: string,
    presenter: Presenter,
    origin: RequestOrigin
  ): Promise<TokenPair> {
    const claim = openRefreshToken(presented, (id) => dataKeys.find('refresh_mac', id))
    if (claim === null) throw invalidRefreshToken('malformed or forged')
    const outcome = await store.rotate(claim, presenter, origin)
    switch (outcome.kind) {
      case 'rotated':
      case 'repeated':
        return issuePair(outcome.session, claim.secret)
      case 'reused': {
        const { sessionId, revokedAt } = outcome
        revocationFeed.announce([{ kind: 'session', subject: sessionId, revokedAt }])
        throw invalidRefreshToken(`reuse detected, session ${sessionId} ended`)
      }
      case 'unusable':
        throw invalidRefreshToken(outcome.reason)
    }
  }
}

function invalidRefreshToken(reason: string): ProblemError {
  return new ProblemError('invalid_refresh_token', 'Log in again.', { reason })
}
