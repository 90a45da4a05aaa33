import type { RequestOrigin } from '../audit/events.ts'
import { ProblemError } from '../errors.ts'
import type { DataKeys } from '../platform/keys/data-keys.ts'
import type { Metrics } from '../platform/metrics.ts'
import type { RevocationFeed } from '../tokens/revocation-feed.ts'
import { openRefreshToken } from './refresh-token.ts'
import type { RotationOutcome, RotationStore } from './rotation-store.ts'
import { FIRST_PARTY_CLIENT, type Delivery, type LiveSession, type Presenter } from './session.ts'
import type { IssuePair, TokenPair } from './token-pair.ts'

export type Rotate = ReturnType<typeof createRotation>
export type Refresh = ReturnType<typeof createRefresh>

export type RotationDeps = {
  store: RotationStore
  dataKeys: DataKeys
  revocationFeed: RevocationFeed
  metrics: Metrics
}

/** What becomes of a refresh token that is shown; `service_unavailable`: Postgres did not answer. */
const REFRESH_OUTCOMES = [
  'rotated',
  'repeated',
  'ahead',
  'reused',
  'unusable',
  'forged',
  'service_unavailable'
] as const

/** A session one generation on, and the secret that its tokens carry. */
export type Rotated = { session: LiveSession; secret: Buffer }

/** What every refresh does, whichever client asks. */
export function createRotation({ store, dataKeys, revocationFeed, metrics }: RotationDeps) {
  const refreshes = metrics.outcomes('refreshes_total', 'Refresh tokens shown', REFRESH_OUTCOMES)

  /**
   * Spends a refresh token.
   *
   * A token that was spent long ago ends the session: the server cannot tell the thief from the
   * client (RFC 9700 §4.14.2). That revocation is committed before the throw.
   *
   * @throws {ProblemError} `invalid_refresh_token`, one text for every reason
   */
  return async function rotate(
    presented: string,
    presenter: Presenter,
    origin: RequestOrigin
  ): Promise<Rotated> {
    const claim = openRefreshToken(presented, (id) => dataKeys.find('refresh_mac', id))
    if (claim === null) {
      refreshes.count('forged')
      throw invalidRefreshToken('malformed or forged')
    }
    const outcome = await store.rotate(claim, presenter, origin).catch((error: unknown) => {
      refreshes.countFailure(error)
      throw error
    })
    refreshes.count(outcome.kind)
    origin.tell?.(whoOf(outcome))
    switch (outcome.kind) {
      case 'rotated':
      case 'ahead':
      case 'repeated':
        return { session: outcome.session, secret: claim.secret }
      case 'reused': {
        const { sessionId, ended } = outcome
        revocationFeed.announce(ended)
        throw invalidRefreshToken(`reuse detected, session ${sessionId} ended`)
      }
      case 'unusable':
        throw invalidRefreshToken(outcome.reason)
    }
  }
}

/** Whose token it was, for the log: for a theft above all. */
function whoOf(outcome: RotationOutcome): { userId?: string; sessionId?: string } {
  if (outcome.kind === 'unusable') return {}
  if (outcome.kind === 'reused') return { sessionId: outcome.sessionId }
  return { userId: outcome.session.userId, sessionId: outcome.session.id }
}

export type RefreshDeps = { rotate: Rotate; issuePair: IssuePair; idleSeconds: number }

/** Refreshing a first-party session. */
export function createRefresh({ rotate, issuePair, idleSeconds }: RefreshDeps) {
  /**
   * Trades a refresh token for a new pair and spends the old one.
   * @throws {ProblemError} `invalid_refresh_token`
   */
  return async function refresh(
    presented: string,
    delivery: Delivery,
    origin: RequestOrigin
  ): Promise<TokenPair> {
    const presenter = { clientId: FIRST_PARTY_CLIENT, delivery, dpopJkt: null, idleSeconds }
    const { session, secret } = await rotate(presented, presenter, origin)
    return issuePair(session, secret)
  }
}

function invalidRefreshToken(reason: string): ProblemError {
  return new ProblemError('invalid_refresh_token', 'Log in again.', { reason })
}
