import type { RequestOrigin } from '../audit/events.ts'
import type { Audit } from '../audit/record.ts'
import type { OutboxKind } from '../mail/outbox.ts'
import type { Postgres } from '../platform/postgres.ts'

export type OutboxState = 'waiting' | 'parked' | 'expired'

/** A message that is not sent, without what is in it and whom it is for. */
export type OutboxEntry = {
  id: string
  kind: OutboxKind
  topic: string | null
  state: OutboxState
  attempts: number
  lastError: string | null
  createdAt: Date
  /** Null when there will be none. */
  nextAttemptAt: Date | null
  expiresAt: Date
  parkedAt: Date | null
}

export type OutboxFilter = {
  state?: OutboxState
  kind?: OutboxKind
  before?: string
  limit: number
}

/** Who does it, to which message. */
export type OutboxAct = { adminId: string; id: string; origin: RequestOrigin }

export type OutboxAdminStore = ReturnType<typeof createOutboxAdminStore>

export type OutboxAdminStoreDeps = { postgres: Postgres; record: Audit }

type Touched = { kind: string; topic: string | null }

const LIST = {
  name: 'outbox_admin_list',
  text: `
    SELECT * FROM (
      SELECT id, kind, topic, attempts, last_error AS "lastError", created_at AS "createdAt",
             CASE WHEN parked_at IS NULL THEN next_attempt_at END AS "nextAttemptAt",
             expires_at AS "expiresAt", parked_at AS "parkedAt",
             CASE WHEN parked_at IS NULL THEN 'waiting' WHEN payload_sealed IS NULL THEN 'expired'
                  ELSE 'parked' END AS state
        FROM outbox_message WHERE sent_at IS NULL) AS unsent
     WHERE ($1::text IS NULL OR state = $1) AND ($2::text IS NULL OR kind = $2)
       AND ($3::uuid IS NULL OR id < $3)
     ORDER BY id DESC LIMIT $4`
}

export function createOutboxAdminStore({ postgres, record }: OutboxAdminStoreDeps) {
  /** What is not sent, the newest first. */
  async function list({ state, kind, before, limit }: OutboxFilter): Promise<OutboxEntry[]> {
    const values = [state ?? null, kind ?? null, before ?? null, limit]
    return postgres.query<OutboxEntry>(LIST, values)
  }

  /** Parked becomes waiting, if there is still something to send. One caller of many succeeds. */
  async function retryParked(act: OutboxAct): Promise<'retried' | 'not parked' | 'unknown'> {
    return postgres.transaction(async (tx) => {
      const [row] = await tx.$queryRaw<Touched[]>`
        UPDATE outbox_message SET parked_at = NULL, next_attempt_at = latchkey_now()
         WHERE id = ${act.id}::uuid AND sent_at IS NULL AND parked_at IS NOT NULL
           AND payload_sealed IS NOT NULL AND expires_at > latchkey_now()
        RETURNING kind, topic`
      if (row === undefined) {
        const unsent = await tx.outboxMessage.count({ where: { id: act.id, sentAt: null } })
        return unsent > 0 ? 'not parked' : 'unknown'
      }
      await record(tx, { type: 'outbox.retried', origin: act.origin, ...factsOf(act, row) })
      return 'retried'
    })
  }

  /** @returns false when there is no such message, or it was sent */
  async function removeUnsent(act: OutboxAct): Promise<boolean> {
    return postgres.transaction(async (tx) => {
      const [row] = await tx.$queryRaw<Touched[]>`
        DELETE FROM outbox_message WHERE id = ${act.id}::uuid AND sent_at IS NULL RETURNING kind, topic`
      if (row === undefined) return false
      await record(tx, { type: 'outbox.deleted', origin: act.origin, ...factsOf(act, row) })
      return true
    })
  }

  return { list, retryParked, removeUnsent }
}

const factsOf = ({ adminId, id }: OutboxAct, { kind, topic }: Touched) => ({
  actorId: adminId,
  details: { message: id, kind, ...(topic !== null && { topic }) }
})
