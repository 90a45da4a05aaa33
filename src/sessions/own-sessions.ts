import type { RequestOrigin } from '../audit/events.ts'
import { ProblemError } from '../errors.ts'
import { coarseAddress } from '../lib/coarse-address.ts'
import type { RevocationFeed } from '../tokens/revocation-feed.ts'
import type { SessionEntry, SessionStore } from './session-store.ts'

export type OwnSession = SessionEntry & { isCurrent: boolean }

/** A session on the wire. */
export function toWireSession(session: OwnSession) {
  return {
    id: session.id,
    client_id: session.clientId,
    device: session.device,
    address: session.address,
    created_at: session.createdAt.toISOString(),
    last_used_at: session.lastUsedAt.toISOString(),
    expires_at: session.expiresAt.toISOString()
  }
}

/** Somebody, and the session that they ask by. */
export type SessionHolder = { user: { id: string }; sessionId: string }

export type OwnSessionsDeps = { store: SessionStore; revocationFeed: RevocationFeed }

/** A person looks at their own logins, and ends those that they do not know. */
export function createOwnSessions({ store, revocationFeed }: OwnSessionsDeps) {
  async function list({ user, sessionId }: SessionHolder): Promise<OwnSession[]> {
    return listOf(user.id, sessionId)
  }

  /** The live sessions of a person, for whoever may see them. */
  async function listOf(userId: string, sessionId?: string): Promise<OwnSession[]> {
    const sessions = await store.findLive(userId)
    return sessions.map(({ address, ...session }) => ({
      ...session,
      address: address === null ? null : coarseAddress(address),
      isCurrent: session.id === sessionId
    }))
  }

  /** @throws {ProblemError} `not_found`, for somebody else's too */
  async function end(
    { user }: Pick<SessionHolder, 'user'>,
    id: string,
    origin: RequestOrigin
  ): Promise<void> {
    const ended = await store.revoke({ sessionId: id, userId: user.id }, 'logout', origin)
    if (ended.length === 0) throw new ProblemError('not_found', 'You have no such session.')
    revocationFeed.announce(ended)
  }

  return { list, listOf, end }
}
