import type { RequestOrigin } from '../audit/events.ts'
import type { Audit } from '../audit/record.ts'
import type { Clock } from '../platform/clock.ts'
import type { Transaction } from '../platform/postgres.ts'
import type { EndReason } from './session.ts'

/** Sessions to end: one, one if it is this person's, all of a person, or all but one. */
export type EndTarget =
  | { sessionId: string }
  | { sessionId: string; userId: string }
  | { userId: string; exceptId?: string }

/** A session that lived until now, and the moment from which its tokens are refused. */
export type EndedSession = { kind: 'session'; subject: string; revokedAt: Date }

/** Who asked for it; `actorId` is an administrator who did it to somebody else. */
export type EndedBy = { origin: RequestOrigin; actorId?: string }

export type EndSessions = ReturnType<typeof createSessionEnder>

export type SessionEnderDeps = { clock: Clock; record: Audit }

/** Ends sessions within a transaction, so that a new password and the end of the old logins are one fact. */
export function createSessionEnder({ clock, record }: SessionEnderDeps) {
  /** May be repeated. @returns what to announce after the commit */
  return async function endSessions(
    tx: Transaction,
    target: EndTarget,
    reason: EndReason,
    by: EndedBy
  ): Promise<EndedSession[]> {
    const revokedAt = clock.now()
    const ended = await tx.session.updateManyAndReturn({
      where: { ...whereOf(target), revokedAt: null },
      data: { revokedAt, revokeReason: reason },
      select: { id: true, userId: true, clientId: true }
    })
    const events = ended.map(({ id, userId, clientId }) => {
      const details = { reason }
      return { type: 'session.ended', ...by, userId, sessionId: id, clientId, details } as const
    })
    await record(tx, events)
    return ended.map(({ id }) => ({ kind: 'session', subject: id, revokedAt }))
  }
}

function whereOf(target: EndTarget) {
  if ('sessionId' in target) {
    const { sessionId, ...owner } = target
    return { id: sessionId, ...owner }
  }
  const { userId, exceptId } = target
  return exceptId === undefined ? { userId } : { userId, id: { not: exceptId } }
}
