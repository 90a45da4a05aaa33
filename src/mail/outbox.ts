import { v7 as uuidv7 } from 'uuid'
import type { Clock } from '../platform/clock.ts'
import type { Sealer } from '../platform/keys/sealer.ts'
import type { Transaction } from '../platform/postgres.ts'

/** The mails there are, and what each template is given. */
export type MailContent =
  | { template: 'verify-email'; data: { link: string; code: string; hours: number } }
  | { template: 'already-registered'; data: { issuer: string } }
  | { template: 'reset-password'; data: { link: string; code: string; minutes: number } }
  | { template: 'confirm-email-change'; data: { link: string; code: string; hours: number } }
  | { template: 'email-changed'; data: { link: string; issuer: string; hours: number } }
  | { template: 'account-erased'; data: { issuer: string } }
  | { template: 'password-changed'; data: { issuer: string; resetLink: string } }
  | { template: 'account-locked'; data: { issuer: string; resetLink: string } }
  | {
      template: 'new-device'
      data: { issuer: string; device: string; at: string; resetLink: string }
    }
  | { template: 'session-reuse'; data: { issuer: string; device: string } }

export type Mail = MailContent & { to: string; locale: string | null }

/** `mail` is sent; `mail_request` is looked into first, so that asking takes the same time for any address. */
export type OutboxKind = 'mail' | 'mail_request'

export type Outbox = ReturnType<typeof createOutbox>

export type OutboxDeps = { sealer: Sealer; clock: Clock }

/** Mail is written down in the transaction of what it tells, and sent afterwards: never without it, never lost. */
export function createOutbox({ sealer, clock }: OutboxDeps) {
  /** @param expiresInSeconds when it is no use any more: what is still there then is erased */
  async function enqueue(
    tx: Transaction,
    kind: OutboxKind,
    payload: object,
    expiresInSeconds: number
  ): Promise<void> {
    const now = clock.now()
    const id = uuidv7({ msecs: now.getTime() })
    await tx.outboxMessage.create({
      data: {
        id,
        kind,
        payloadSealed: sealer.seal(JSON.stringify(payload), payloadPlace(id)),
        createdAt: now,
        nextAttemptAt: now,
        expiresAt: new Date(now.getTime() + expiresInSeconds * 1_000)
      }
    })
  }

  return {
    enqueue,
    enqueueMail: (tx: Transaction, mail: Mail, expiresInSeconds: number) =>
      enqueue(tx, 'mail', mail, expiresInSeconds)
  }
}

/** Where a payload stands sealed. */
export const payloadPlace = (id: string) => ({
  table: 'outbox_message',
  column: 'payload_sealed',
  row: id
})

export type EnqueueMail = Outbox['enqueueMail']
