import type { RequestOrigin } from '../audit/events.ts'
import type { Clock } from '../platform/clock.ts'
import type { Transaction } from '../platform/postgres.ts'
import type { EndedSession, EndSessions } from './end-sessions.ts'

export type MakeRoom = ReturnType<typeof createSessionLimit>

export type SessionLimitDeps = {
  clock: Clock
  endSessions: EndSessions
  /** How many sessions a person keeps. */
  sessionsPerUser: number
}

/**
 * A person keeps so many sessions: the least recently used ones make room for another. Grants made from
 * them do not count; they end with theirs.
 */
export function createSessionLimit({ clock, endSessions, sessionsPerUser }: SessionLimitDeps) {
  /**
   * Ends what is too much once another session is added in this transaction, which holds the row of the
   * person: logins at once must see each other's sessions.
   * @returns what to announce after the commit
   */
  return async function makeRoom(
    tx: Transaction,
    userId: string,
    origin: RequestOrigin
  ): Promise<EndedSession[]> {
    const now = clock.now()
    const surplus = await tx.session.findMany({
      where: {
        userId,
        parentId: null,
        revokedAt: null,
        expiresAt: { gt: now },
        idleExpiresAt: { gt: now }
      },
      orderBy: [{ lastUsedAt: 'desc' }, { id: 'desc' }],
      skip: sessionsPerUser - 1,
      select: { id: true }
    })
    if (surplus.length === 0) return []
    const only = surplus.map(({ id }) => id)
    return endSessions(tx, { userId, only }, 'session_limit', { origin })
  }
}
