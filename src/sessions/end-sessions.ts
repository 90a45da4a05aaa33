import type { RequestOrigin } from '../audit/events.ts'
import type { Audit } from '../audit/record.ts'
import type { Clock } from '../platform/clock.ts'
import type { Transaction } from '../platform/postgres.ts'
import type { EndReason } from './session.ts'
import { findSurvivors } from './surviving-grants.ts'

/** Sessions to end: one, one if it is this person's, all of a person, all but one, some of them, or those of a client. */
export type EndTarget =
  | { sessionId: string }
  | { sessionId: string; userId: string }
  | { userId: string; exceptId?: string }
  | { userId: string; only: string[] }
  | { userId: string; clientId: string }

/** A session that lived until now, and the moment from which its tokens are refused. */
export type EndedSession = { kind: 'session'; subject: string; revokedAt: Date }

/** Who asked for it; `actorId` is an administrator who did it to somebody else. */
export type EndedBy = { origin: RequestOrigin; actorId?: string }

export type EndSessions = ReturnType<typeof createSessionEnder>

/** A row that was ended. */
export type Ended = { id: string; userId: string; clientId: string }

export type SessionEnderDeps = {
  clock: Clock
  record: Audit
  /** Writes down what clients are to be told. */
  tellClients: (tx: Transaction, ended: Ended[]) => Promise<void>
}

/** Ends sessions within a transaction, so that a new password and the end of the old logins are one fact. */
export function createSessionEnder({ clock, record, tellClients }: SessionEnderDeps) {
  /**
   * A session takes along the grants that were made from it, but for those that were given
   * `offline_access`; all of a person are all, those included. May be repeated.
   * @returns what to announce after the commit
   */
  return async function endSessions(
    tx: Transaction,
    target: EndTarget,
    reason: EndReason,
    by: EndedBy
  ): Promise<EndedSession[]> {
    const revokedAt = clock.now()
    await hold(tx, target)
    const ended =
      'sessionId' in target
        ? await endOne(tx, target, reason, revokedAt)
        : await endAll(tx, target, reason, revokedAt)
    const events = ended.map(({ id, userId, clientId }) => {
      const details = { reason }
      return { type: 'session.ended', ...by, userId, sessionId: id, clientId, details } as const
    })
    await record(tx, events)
    await tellClients(tx, [...ended, ...(await findSurvivors(tx, ended))])
    return ended.map(({ id }) => ({ kind: 'session', subject: id, revokedAt }))
  }
}

/**
 * Waits for whoever is making a grant of these sessions: it holds its parent's row. Only a statement that
 * begins afterwards sees the child.
 */
async function hold(tx: Transaction, target: EndTarget): Promise<void> {
  if ('sessionId' in target) {
    await tx.$queryRaw`SELECT id FROM session WHERE id = ${target.sessionId}::uuid FOR UPDATE`
  } else {
    await tx.$queryRaw`
      SELECT id FROM session WHERE user_id = ${target.userId}::uuid AND revoked_at IS NULL
       ORDER BY id FOR UPDATE`
  }
}

/** Rows are locked in one order, so that two who end the same ones do not wait for each other. */
async function endOne(
  tx: Transaction,
  target: { sessionId: string; userId?: string },
  reason: EndReason,
  revokedAt: Date
): Promise<Ended[]> {
  const { sessionId } = target
  const userId = target.userId ?? null
  return tx.$queryRaw<Ended[]>`
    WITH doomed AS (
      SELECT id FROM session
       WHERE (id = ${sessionId}::uuid
              OR (parent_id = ${sessionId}::uuid
                  AND 'offline_access' <> ALL (string_to_array(scope, ' '))))
         AND (${userId}::uuid IS NULL OR user_id = ${userId}::uuid)
         AND revoked_at IS NULL
       ORDER BY id FOR UPDATE)
    UPDATE session s SET revoked_at = ${revokedAt}, revoke_reason = ${reason}
      FROM doomed WHERE s.id = doomed.id
    RETURNING s.id, s.user_id AS "userId", s.client_id AS "clientId"`
}

async function endAll(
  tx: Transaction,
  target: { userId: string; exceptId?: string; only?: string[]; clientId?: string },
  reason: EndReason,
  revokedAt: Date
): Promise<Ended[]> {
  const exceptId = target.exceptId ?? null
  const only = target.only ?? null
  const clientId = target.clientId ?? null
  return tx.$queryRaw<Ended[]>`
    WITH doomed AS (
      SELECT id FROM session
       WHERE user_id = ${target.userId}::uuid AND id IS DISTINCT FROM ${exceptId}::uuid
         AND (${only}::uuid[] IS NULL OR id = ANY (${only}::uuid[])
              OR (parent_id = ANY (${only}::uuid[])
                  AND 'offline_access' <> ALL (string_to_array(scope, ' '))))
         AND (${clientId}::text IS NULL OR client_id = ${clientId})
         AND revoked_at IS NULL
       ORDER BY id FOR UPDATE)
    UPDATE session s SET revoked_at = ${revokedAt}, revoke_reason = ${reason}
      FROM doomed WHERE s.id = doomed.id
    RETURNING s.id, s.user_id AS "userId", s.client_id AS "clientId"`
}
