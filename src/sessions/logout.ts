import type { RequestOrigin } from '../audit/events.ts'
import type { Clock } from '../platform/clock.ts'
import type { DataKeys } from '../platform/keys/data-keys.ts'
import type { RevocationFeed } from '../tokens/revocation-feed.ts'
import { openRefreshToken } from './refresh-token.ts'
import type { EndedSession } from './end-sessions.ts'
import { FIRST_PARTY_CLIENT } from './session.ts'
import type { ClaimedSession, SessionStore } from './session-store.ts'

export type LogoutScope = 'this' | 'others' | 'all'

/** Who logs out: the person behind a verified access token, or whoever holds a refresh token. */
export type LogoutProof = ProvenLogin | { refreshToken: string } | null

type ProvenLogin = { userId: string; sessionId: string }

export type LogoutDeps = {
  store: SessionStore
  dataKeys: DataKeys
  clock: Clock
  revocationFeed: RevocationFeed
}

export function createLogout({ store, dataKeys, clock, revocationFeed }: LogoutDeps) {
  /** Ends sessions. Repeatable; without a usable proof nothing is done, and nothing is told. */
  return async function logout(
    scope: LogoutScope,
    proof: LogoutProof,
    origin: RequestOrigin
  ): Promise<void> {
    const proven = await whoMay(scope, proof)
    if (proven === null) return
    revocationFeed.announce(await end(scope, proven, origin))
  }

  async function end(
    scope: LogoutScope,
    { userId, sessionId }: ProvenLogin,
    origin: RequestOrigin
  ): Promise<EndedSession[]> {
    switch (scope) {
      case 'this':
        return store.revoke({ sessionId }, 'logout', origin)
      case 'others':
        return store.revoke({ userId, exceptId: sessionId }, 'logout', origin)
      case 'all':
        return store.revokeAll(userId, 'logout', origin)
    }
  }

  function hasExpired({ expiresAt, idleExpiresAt }: ClaimedSession): boolean {
    const now = clock.now()
    return expiresAt <= now || idleExpiresAt <= now
  }

  async function whoMay(scope: LogoutScope, proof: LogoutProof): Promise<ProvenLogin | null> {
    if (proof === null) return null
    if ('userId' in proof) return proof
    const claim = openRefreshToken(proof.refreshToken, (id) => dataKeys.find('refresh_mac', id))
    if (claim === null) return null
    const session = await store.findByClaim(claim, FIRST_PARTY_CLIENT)
    if (session === null) return null
    // An old token, or one that has expired, is only good for ending its own session: it may be a thief's.
    if (scope !== 'this' && (claim.generation < session.generation || hasExpired(session)))
      return null
    return { userId: session.userId, sessionId: session.id }
  }
}
