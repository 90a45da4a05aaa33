import type { RequestOrigin } from '../audit/events.ts'
import { ProblemError } from '../errors.ts'
import type { DataKeys } from '../platform/keys/data-keys.ts'
import type { Metrics } from '../platform/metrics.ts'
import type { RevocationFeed } from '../tokens/revocation-feed.ts'
import { openRefreshToken } from './refresh-token.ts'
import type { RotationOutcome, RotationStore } from './rotation-store.ts'
import { FIRST_PARTY_CLIENT, type Delivery, type LiveSession, type Presenter } from './session.ts'
import type { IssuePair, TokenPair } from './token-pair.ts'

export type Rotation = ReturnType<typeof createRotation>
export type Rotate = Rotation['rotate']
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
  async function rotate(
    presented: string,
    presenter: Presenter,
    origin: RequestOrigin
  ): Promise<Rotated> {
    const claim = openRefreshToken(presented, macKeyOf)
    if (claim === null) {
      refreshes.count('forged')
      throw invalidRefreshToken('malformed or forged')
    }
    const outcome = await store.rotate(claim, presenter, origin).catch(failed)
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

  /**
   * Spends a refresh token, if all is well.
   * @returns null where it is not: nothing was done, nor counted, and {@link rotate} finds out why
   */
  async function rotateCurrent(presented: string, presenter: Presenter): Promise<Rotated | null> {
    const claim = openRefreshToken(presented, macKeyOf)
    if (claim === null) return null
    const session = await store.rotateCurrent(claim, presenter).catch(failed)
    if (session === null) return null
    refreshes.count('rotated')
    return { session, secret: claim.secret }
  }

  const macKeyOf = (id: string) => dataKeys.find('refresh_mac', id)

  function failed(error: unknown): never {
    refreshes.countFailure(error)
    throw error
  }

  return { rotate, rotateCurrent }
}

/** Whose token it was, for the log: for a theft above all. */
function whoOf(outcome: RotationOutcome): { userId?: string; sessionId?: string } {
  if (outcome.kind === 'unusable') return {}
  if (outcome.kind === 'reused') return { sessionId: outcome.sessionId }
  return { userId: outcome.session.userId, sessionId: outcome.session.id }
}

export type RefreshDeps = { rotation: Rotation; issuePair: IssuePair; idleSeconds: number }

/** What a refresh gave, and whose it is. */
export type Refreshed = { pair: TokenPair; userId: string; sessionId: string }

/** Refreshing a first-party session. */
export function createRefresh({ rotation, issuePair, idleSeconds }: RefreshDeps) {
  const presenterOf = (delivery: Delivery): Presenter => ({
    clientId: FIRST_PARTY_CLIENT,
    delivery,
    dpopJkt: null,
    idleSeconds
  })
  const byBody = presenterOf('body')

  /**
   * Trades a refresh token for a new pair and spends the old one.
   * @throws {ProblemError} `invalid_refresh_token`
   */
  async function refresh(
    presented: string,
    delivery: Delivery,
    origin: RequestOrigin
  ): Promise<TokenPair> {
    const { session, secret } = await rotation.rotate(presented, presenterOf(delivery), origin)
    return issuePair(session, secret)
  }

  /**
   * The same of a token in a body that is current and good.
   * @returns null for every other: nothing was done, and {@link refresh} finds out why
   */
  async function refreshCurrent(presented: string): Promise<Refreshed | null> {
    const rotated = await rotation.rotateCurrent(presented, byBody)
    if (rotated === null) return null
    const { session, secret } = rotated
    const pair = await issuePair(session, secret)
    return { pair, userId: session.userId, sessionId: session.id }
  }

  return { refresh, refreshCurrent }
}

function invalidRefreshToken(reason: string): ProblemError {
  return new ProblemError('invalid_refresh_token', 'Log in again.', { reason })
}
