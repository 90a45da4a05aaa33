import type { RequestOrigin } from '../audit/events.ts'
import type { Clock } from '../platform/clock.ts'
import type { DataKeys } from '../platform/keys/data-keys.ts'
import type { RevocationFeed } from '../tokens/revocation-feed.ts'
import { openRefreshToken } from './refresh-token.ts'
import { FIRST_PARTY_CLIENT } from './session.ts'
import type { EndTarget } from './end-sessions.ts'
import type { ClaimedSession, SessionStore } from './session-store.ts'

export type LogoutScope = 'this' | 'others' | 'all'

/** Who logs out: the person behind a verified access token, or whoever holds a refresh token. */
export type LogoutProof = { userId: string; sessionId: string } | { refreshToken: string } | null

export type Logout = ReturnType<typeof createLogout>

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
    const target = await targetOf(scope, proof)
    if (target === null) return
    revocationFeed.announce(await store.revoke(target, 'logout', origin))
  }

  function hasExpired({ expiresAt, idleExpiresAt }: ClaimedSession): boolean {
    const now = clock.now()
    return expiresAt <= now || idleExpiresAt <= now
  }

  async function targetOf(scope: LogoutScope, proof: LogoutProof): Promise<EndTarget | null> {
    if (proof === null) return null
    if ('userId' in proof) return reach(scope, proof)
    const claim = openRefreshToken(proof.refreshToken, (id) => dataKeys.find('refresh_mac', id))
    if (claim === null) return null
    const session = await store.findByClaim(claim, FIRST_PARTY_CLIENT)
    if (session === null) return null
    // An old token, or one that has expired, is only good for ending its own session: it may be a thief's.
    if (scope !== 'this' && (claim.generation < session.generation || hasExpired(session)))
      return null
    return reach(scope, { userId: session.userId, sessionId: session.id })
  }
}

function reach(
  scope: LogoutScope,
  { userId, sessionId }: { userId: string; sessionId: string }
): EndTarget {
  switch (scope) {
    case 'this':
      return { sessionId }
    case 'others':
      return { userId, exceptId: sessionId }
    case 'all':
      return { userId }
  }
}
