import type { Sealer } from '../platform/keys/sealer.ts'
import { startLoop, type Loop } from '../platform/loop.ts'
import { mailPlace, type Mail } from './outbox.ts'
import type { ClaimedMessage, OutboxStore } from './outbox-store.ts'
import type { renderMail } from './render.ts'
import type { MailTransport } from './transport.ts'

const POLL_MS = 250
const BATCH = 10
/** Growing waits: 15 s, 30 s, 1 min … up to an hour. */
const retryAfterSeconds = (attempts: number) => Math.min(15 * 2 ** (attempts - 1), 3_600)

export type MailSenderDeps = {
  store: OutboxStore
  sealer: Sealer
  transport: MailTransport
  render: typeof renderMail
  issuer: string
  onFault: (error: unknown) => void
}

/**
 * Sends what the outbox holds: takes a lease, talks to the mail server without holding a transaction,
 * then says so. At least once with one Message-ID, and once whenever the server's answer arrived.
 */
export function startMailSender(deps: MailSenderDeps): Loop {
  const { store, sealer, transport, render, issuer, onFault } = deps
  const domain = new URL(issuer).hostname

  async function deliver(message: ClaimedMessage): Promise<void> {
    try {
      const mail = JSON.parse(sealer.open(message.payloadSealed, mailPlace(message.id))) as Mail
      const rendered = await render(mail)
      await transport.send({ ...rendered, to: mail.to, messageId: `<${message.id}@${domain}>` })
    } catch (error) {
      onFault(withoutWords(error, message.id))
      await store.postpone(message, retryAfterSeconds(message.attempts), errorCode(error))
      return
    }
    await store.finish(message)
  }

  return startLoop({
    intervalMs: POLL_MS,
    onFault,
    work: async () => {
      const messages = await store.take('mail', BATCH)
      await Promise.all(messages.map(deliver))
      if (messages.length === 0) await store.parkExpired()
    }
  })
}

/** A mail server's own words may repeat the address: no log is told more than the kind of failure. */
function withoutWords(error: unknown, id: string): unknown {
  const hasWords = typeof (error as { response?: unknown }).response === 'string'
  return hasWords ? new Error(`mail ${id} was refused: ${errorCode(error)}`) : error
}

/** The kind of failure: what the row keeps. */
function errorCode(error: unknown): string {
  const { code, responseCode } = error as { code?: unknown; responseCode?: unknown }
  if (typeof responseCode === 'number') return `SMTP ${responseCode}`
  return typeof code === 'string' ? code : 'unknown'
}
