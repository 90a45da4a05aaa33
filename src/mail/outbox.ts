import { uuidv7At } from '../lib/random.ts'
import type { Clock } from '../platform/clock.ts'
import type { Sealer } from '../platform/keys/sealer.ts'
import type { Connection } from '../platform/postgres.ts'
import type { Mail } from './content.ts'

/**
 * `mail` is sent; `mail_request` is looked into first, so that asking takes the same time for any address;
 * `logout_notice` tells a client that a session of its own has ended.
 */
export const OUTBOX_KINDS = ['mail', 'mail_request', 'logout_notice'] as const
export type OutboxKind = (typeof OUTBOX_KINDS)[number]

export type Outbox = ReturnType<typeof createOutbox>

export type OutboxDeps = { sealer: Sealer; clock: Clock }

/** Mail is written down in the transaction of what it tells, and sent afterwards: never without it, never lost. */
export function createOutbox({ sealer, clock }: OutboxDeps) {
  /**
   * @param expiresInSeconds when it is no use any more: what is still there then is erased
   * @param topic what an administrator is shown of it: nothing that tells whose it is
   * @param userId whom it is for, where that is known (or will be, of a registration): it goes with them
   */
  async function enqueue(
    tx: Connection,
    kind: OutboxKind,
    payload: object,
    expiresInSeconds: number,
    topic: string | null = null,
    userId: string | null = null
  ): Promise<void> {
    const now = clock.now()
    const { id, payloadSealed } = seal(kind, payload)
    const expiresAt = new Date(now.getTime() + expiresInSeconds * 1_000)
    await tx.query(ENQUEUE, [id, kind, topic, payloadSealed, now, expiresAt, userId])
  }

  /** A message as a statement of one's own may write it. */
  function seal(kind: OutboxKind, payload: object) {
    const id = uuidv7At(clock.now())
    return { id, kind, payloadSealed: sealer.seal(JSON.stringify(payload), payloadPlace(id)) }
  }

  return {
    enqueue,
    seal,
    /** @param userId as in {@link enqueue}; null for what its person is to get even when they are gone */
    enqueueMail: (
      tx: Connection,
      mail: Mail,
      expiresInSeconds: number,
      userId: string | null = null
    ) => enqueue(tx, 'mail', mail, expiresInSeconds, mail.template, userId)
  }
}

const ENQUEUE = {
  name: 'outbox_enqueue',
  text: `
    INSERT INTO outbox_message (id, kind, topic, payload_sealed, created_at, next_attempt_at, expires_at, user_id)
    VALUES ($1::uuid, $2, $3, $4, $5, $5, $6, $7::uuid)`
}

/** Where a payload stands sealed. */
export const payloadPlace = (id: string) => ({
  table: 'outbox_message',
  column: 'payload_sealed',
  row: id
})

export type EnqueueMail = Outbox['enqueueMail']
