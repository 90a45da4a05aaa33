import type { Clock } from '../platform/clock.ts'
import type { DataKeys } from '../platform/keys/data-keys.ts'
import { openRefreshToken } from './refresh-token.ts'
import type { SessionStore } from './session-store.ts'

/** The live session behind a refresh token, whichever of its tokens was shown. */
export type FoundSession = {
  id: string
  userId: string
  scope: string
  /** Resource servers that the grant is for. */
  audience: string[]
  /** When the session ends, unless it is refreshed before. */
  endsAt: Date
  /** Whether this is the token that the next refresh takes. */
  isNewest: boolean
}

export type FindSessionByToken = ReturnType<typeof createSessionLookup>

export type SessionLookupDeps = { store: SessionStore; dataKeys: DataKeys; clock: Clock }

/** Whose session a refresh token is of, without spending it. */
export function createSessionLookup({ store, dataKeys, clock }: SessionLookupDeps) {
  /** @returns null for what is no live session of this client */
  return async function findSessionByToken(
    token: string,
    clientId: string
  ): Promise<FoundSession | null> {
    const claim = openRefreshToken(token, (id) => dataKeys.find('refresh_mac', id))
    const session = claim === null ? null : await store.findByClaim(claim, clientId)
    if (claim === null || session === null) return null
    const { id, userId, scope, audience, generation, expiresAt, idleExpiresAt } = session
    const endsAt = expiresAt < idleExpiresAt ? expiresAt : idleExpiresAt
    if (endsAt <= clock.now()) return null
    return { id, userId, scope, audience, endsAt, isNewest: generation === claim.generation }
  }
}
