import type { AuditEvent, RequestOrigin } from '../audit/events.ts'
import type { Audit } from '../audit/record.ts'
import type { Postgres } from '../platform/postgres.ts'
import type { EndedSession, EndSessions } from '../sessions/end-sessions.ts'

/** A code that was spent, and whether what it began still lives. */
export type SpentCode = { clientId: string; userId: string; sessionId: string; isAlive: boolean }

export type EndReused = ReturnType<typeof createReuseStore>

export type ReuseStoreDeps = { postgres: Postgres; record: Audit; endSessions: EndSessions }

/** For codes that are shown after they were spent: a thief may have them. */
export function createReuseStore({ postgres, record, endSessions }: ReuseStoreDeps) {
  const underWay = new Map<string, Promise<EndedSession[]>>()

  /**
   * Ends what the code began (RFC 6749 §4.1.2), and tells the trail. May be repeated: of callers at once the
   * first ends it for all, and who comes after the end waits for nobody.
   * @returns what to announce
   */
  return async function endReused(code: SpentCode, origin: RequestOrigin): Promise<EndedSession[]> {
    const { clientId, userId, sessionId, isAlive } = code
    const event = { type: 'grant.code_reused', origin, userId, sessionId, clientId } as const
    const ending = underWay.get(sessionId)
    if (ending === undefined && isAlive) {
      const begun = end(sessionId, event).finally(() => underWay.delete(sessionId))
      underWay.set(sessionId, begun)
      return begun
    }
    await ending
    await postgres.hotTransaction((tx) => record(tx, event))
    return []
  }

  function end(
    sessionId: string,
    event: AuditEvent & { origin: RequestOrigin }
  ): Promise<EndedSession[]> {
    return postgres.transaction(async (tx) => {
      const { origin } = event
      const ended = await endSessions(tx, { sessionId }, 'code_reuse', { origin })
      await record(tx, event)
      return ended
    })
  }
}

/** Whether the session that a column names lives, by whatever it was ended. */
export function isAliveOf(column: string): string {
  return `EXISTS (SELECT FROM session WHERE session.id = ${column} AND session.revoked_at IS NULL)`
}
