import type { Outbox } from '../mail/outbox.ts'
import type { Postgres } from '../platform/postgres.ts'
import type { MailRequest } from './mail-requests.ts'

const REQUEST_SECONDS = 3_600

export type MailRequestStore = ReturnType<typeof createMailRequestStore>

export type MailRequestStoreDeps = { postgres: Postgres; outbox: Outbox }

export function createMailRequestStore({ postgres, outbox }: MailRequestStoreDeps) {
  /** Writes a request down; it outlives the process. */
  async function add(request: MailRequest): Promise<void> {
    await postgres.transaction((tx) => outbox.enqueue(tx, 'mail_request', request, REQUEST_SECONDS))
  }

  return { add }
}
