import type { RequestOrigin } from '../audit/events.ts'
import type { Audit } from '../audit/record.ts'
import type { Clock } from '../platform/clock.ts'
import type { Connection } from '../platform/postgres.ts'
import type { Ended, EndReason } from './session.ts'
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

export type SessionEnderDeps = {
  clock: Clock
  record: Audit
  /** Writes down what clients are to be told. */
  tellClients: (tx: Connection, ended: Ended[]) => Promise<void>
}

/** Ends sessions within a transaction, so that a new password and the end of the old logins are one fact. */
export function createSessionEnder({ clock, record, tellClients }: SessionEnderDeps) {
  /**
   * A session takes along the grants that were made from it, but for those that were given
   * `offline_access`; all of a person are all, those included. May be repeated.
   * @returns what to announce after the commit
   */
  return async function endSessions(
    tx: Connection,
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
async function hold(tx: Connection, target: EndTarget): Promise<void> {
  if ('sessionId' in target) await tx.query(HOLD_ONE, [target.sessionId])
  else await tx.query(HOLD_ALL, [target.userId])
}

const HOLD_ONE = {
  name: 'session_hold_one',
  text: 'SELECT id FROM session WHERE id = $1::uuid FOR UPDATE'
}

const HOLD_ALL = {
  name: 'session_hold_all',
  text: `
    SELECT id FROM session WHERE user_id = $1::uuid AND revoked_at IS NULL
     ORDER BY id FOR UPDATE`
}

async function endOne(
  tx: Connection,
  { sessionId, userId = null }: { sessionId: string; userId?: string | null },
  reason: EndReason,
  revokedAt: Date
): Promise<Ended[]> {
  return tx.query<Ended>(END_ONE, [sessionId, userId, revokedAt, reason])
}

async function endAll(
  tx: Connection,
  target: { userId: string; exceptId?: string; only?: string[]; clientId?: string },
  reason: EndReason,
  revokedAt: Date
): Promise<Ended[]> {
  const { userId, exceptId = null, only = null, clientId = null } = target
  return tx.query<Ended>(END_ALL, [userId, exceptId, only, clientId, revokedAt, reason])
}

/** Rows are locked in one order, so that two who end the same ones do not wait for each other. */
const END_ONE = {
  name: 'session_end_one',
  text: `
    WITH doomed AS (
      SELECT id FROM session
       WHERE (id = $1::uuid
              OR (parent_id = $1::uuid
                  AND 'offline_access' <> ALL (string_to_array(scope, ' '))))
         AND ($2::uuid IS NULL OR user_id = $2::uuid)
         AND revoked_at IS NULL
       ORDER BY id FOR UPDATE)
    UPDATE session s SET revoked_at = $3, revoke_reason = $4
      FROM doomed WHERE s.id = doomed.id
    RETURNING s.id, s.user_id AS "userId", s.client_id AS "clientId"`
}

const END_ALL = {
  name: 'session_end_all',
  text: `
    WITH doomed AS (
      SELECT id FROM session
       WHERE user_id = $1::uuid AND id IS DISTINCT FROM $2::uuid
         AND ($3::uuid[] IS NULL OR id = ANY ($3::uuid[])
              OR (parent_id = ANY ($3::uuid[])
                  AND 'offline_access' <> ALL (string_to_array(scope, ' '))))
         AND ($4::text IS NULL OR client_id = $4)
         AND revoked_at IS NULL
       ORDER BY id FOR UPDATE)
    UPDATE session s SET revoked_at = $5, revoke_reason = $6
      FROM doomed WHERE s.id = doomed.id
    RETURNING s.id, s.user_id AS "userId", s.client_id AS "clientId"`
}
