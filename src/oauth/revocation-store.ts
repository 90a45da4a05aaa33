import type { RequestOrigin } from '../audit/events.ts'
import type { Audit } from '../audit/record.ts'
import { uuidv7At } from '../lib/random.ts'
import type { Clock } from '../platform/clock.ts'
import type { Postgres } from '../platform/postgres.ts'
import type { EndedSession, EndSessions } from '../sessions/end-sessions.ts'
import type { RevocationEntry } from '../tokens/revocation-feed.ts'

export type RevocationVerbs = ReturnType<typeof createRevocationVerbs>

export type RevocationVerbsDeps = {
  postgres: Postgres
  clock: Clock
  record: Audit
  endSessions: EndSessions
}

export function createRevocationVerbs({
  postgres,
  clock,
  record,
  endSessions
}: RevocationVerbsDeps) {
  /** May be repeated. @returns what to announce */
  async function endSession(sessionId: string, origin: RequestOrigin): Promise<EndedSession[]> {
    return postgres.transaction((tx) => endSessions(tx, { sessionId }, 'token_revoked', { origin }))
  }

  /** Refuses one access token until it expires. */
  async function refuseToken(
    token: { jti: string; clientId: string; sessionId: string | null },
    origin: RequestOrigin
  ): Promise<RevocationEntry> {
    const { jti, clientId, sessionId } = token
    const revokedAt = clock.now()
    await postgres.transaction(async (tx) => {
      const id = uuidv7At(revokedAt)
      await tx.revocation.create({ data: { id, kind: 'jti', subject: jti, revokedAt } })
      await record(tx, {
        type: 'token.revoked',
        origin,
        clientId,
        ...(sessionId !== null && { sessionId })
      })
    })
    return { kind: 'jti', subject: jti, revokedAt }
  }

  return { endSession, refuseToken }
}
