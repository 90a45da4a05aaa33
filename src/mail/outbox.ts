import { v7 as uuidv7 } from 'uuid'
import type { Clock } from '../platform/clock.ts'
import type { Sealer } from '../platform/keys/sealer.ts'
import type { Transaction } from '../platform/postgres.ts'

/** The mails there are, and what each template is given. */
export type MailContent =
  | { template: 'verify-email'; data: { link: string; code: string; hours: number } }
  | { template: 'already-registered'; data: { issuer: string } }
  | { template: 'session-reuse'; data: { issuer: string; device: string } }

export type Mail = MailContent & { to: string; locale: string | null }

export type Outbox = ReturnType<typeof createOutbox>

export type OutboxDeps = { sealer: Sealer; clock: Clock }

export const mailPlace = (id: string) => ({
  table: 'outbox_message',
  column: 'payload_sealed',
  row: id
})

/** Mail is written down in the transaction of what it tells, and sent afterwards: never without it, never lost. */
export function createOutbox({ sealer, clock }: OutboxDeps) {
  /** @param expiresInSeconds when it is no use any more: what could not be sent until then is erased */
  return async function enqueueMail(
    tx: Transaction,
    mail: Mail,
    expiresInSeconds: number
  ): Promise<void> {
    const now = clock.now()
    const id = uuidv7({ msecs: now.getTime() })
    await tx.outboxMessage.create({
      data: {
        id,
        kind: 'mail',
        payloadSealed: sealer.seal(JSON.stringify(mail), mailPlace(id)),
        createdAt: now,
        nextAttemptAt: now,
        expiresAt: new Date(now.getTime() + expiresInSeconds * 1_000)
      }
    })
  }
}
