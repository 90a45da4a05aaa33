import { together } from '../lib/together.ts'
import type { Postgres } from '../platform/postgres.ts'
import type { OutboxKind } from './outbox.ts'

export type OutboxStore = ReturnType<typeof createOutboxStore>

/** A message that this server may send until `claimedUntil`, and no other one before. */
export type ClaimedMessage = {
  id: string
  payloadSealed: Uint8Array
  attempts: number
  claimedUntil: Date
}

/** Longer than any mail server's answer takes; a sender that died is replaced after it. */
const LEASE_SECONDS = 60

/**
 * The array is made once, here and below, and its rows are looked up one by one. After `IN`, or in a join, Postgres may
 * go through the table and ask anew for every row of it; and each time what is left of the rows is as many as
 * there may be again: all of them would be taken.
 */
const CLAIM = {
  name: 'outbox_claim',
  text: `
    UPDATE outbox_message
       SET claimed_until = latchkey_now() + make_interval(secs => ${LEASE_SECONDS}), attempts = attempts + 1
     WHERE id = ANY (ARRAY(
       SELECT id FROM outbox_message
        WHERE kind = $1 AND sent_at IS NULL AND parked_at IS NULL
          AND next_attempt_at <= latchkey_now() AND expires_at > latchkey_now()
          AND (claimed_until IS NULL OR claimed_until <= latchkey_now())
        ORDER BY next_attempt_at LIMIT $2 FOR UPDATE SKIP LOCKED))
    RETURNING id, payload_sealed AS "payloadSealed", attempts, claimed_until AS "claimedUntil"`
}

/** Only the holder of the lease may say that it was sent. */
const FINISH = {
  name: 'outbox_finish',
  text: `
    UPDATE outbox_message AS message
       SET sent_at = latchkey_now(), payload_sealed = NULL, claimed_until = NULL
      FROM unnest($1::uuid[], $2::timestamptz[]) AS lease (id, held_until)
     WHERE message.id = ANY ($1::uuid[])
       AND message.id = lease.id AND message.claimed_until = lease.held_until`
}

const POSTPONE = {
  name: 'outbox_postpone',
  text: `
    UPDATE outbox_message
       SET next_attempt_at = latchkey_now() + make_interval(secs => $3), last_error = $4, claimed_until = NULL
     WHERE id = $1 AND claimed_until = $2`
}

/** Only the holder of the lease may say that it was refused for good. Its payload stays until it expires. */
const PARK = {
  name: 'outbox_park',
  text: `
    UPDATE outbox_message SET parked_at = latchkey_now(), last_error = $3, claimed_until = NULL
     WHERE id = $1 AND claimed_until = $2`
}

/** After a long outage there are many: no statement may run into its time limit. */
const PARKED_AT_ONCE = 1_000

/** What is no use any more is not kept either; what is under way at that moment, a little longer. */
const PARK_EXPIRED = {
  name: 'outbox_park_expired',
  text: `
    WITH expired AS (
      SELECT id, parked_at FROM outbox_message
       WHERE kind = $1 AND payload_sealed IS NOT NULL AND expires_at <= latchkey_now()
         AND (claimed_until IS NULL OR claimed_until <= latchkey_now())
       LIMIT ${PARKED_AT_ONCE} FOR UPDATE SKIP LOCKED
    ), parked AS (
      UPDATE outbox_message
         SET parked_at = coalesce(parked_at, latchkey_now()), payload_sealed = NULL, claimed_until = NULL
       WHERE id = ANY (ARRAY(SELECT id FROM expired)))
    SELECT parked_at IS NULL AS "wasWaiting" FROM expired`
}

export function createOutboxStore(postgres: Postgres) {
  /** Takes up to `limit` messages that are due. Of many servers, one gets each. */
  async function take(kind: OutboxKind, limit: number): Promise<ClaimedMessage[]> {
    return postgres.query<ClaimedMessage>(CLAIM, [kind, limit])
  }

  /** Those that end while Postgres is told of others are told together. */
  const finish = together(async (messages: ClaimedMessage[]) => {
    const leases = messages.map(({ claimedUntil }) => claimedUntil)
    await postgres.query(FINISH, [messages.map(({ id }) => id), leases])
  })

  /** @param errorCode what went wrong, without addresses or text of the mail */
  async function postpone(
    { id, claimedUntil }: ClaimedMessage,
    delaySeconds: number,
    errorCode: string
  ): Promise<void> {
    await postgres.query(POSTPONE, [id, claimedUntil, delaySeconds, errorCode])
  }

  async function park({ id, claimedUntil }: ClaimedMessage, errorCode: string): Promise<void> {
    await postgres.query(PARK, [id, claimedUntil, errorCode])
  }

  /** @returns how many were still waiting to be sent */
  async function parkExpired(kind: OutboxKind): Promise<number> {
    let waited = 0
    for (;;) {
      const rows = await postgres.query<{ wasWaiting: boolean }>(PARK_EXPIRED, [kind])
      waited += rows.filter(({ wasWaiting }) => wasWaiting).length
      if (rows.length < PARKED_AT_ONCE) return waited
    }
  }

  return { take, finish, postpone, park, parkExpired }
}
