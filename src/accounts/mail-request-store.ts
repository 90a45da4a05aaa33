import type { GuessSubject } from '../abuse/guess.ts'
import type { RequestOrigin } from '../audit/events.ts'
import type { EmailAddress } from '../lib/email-address.ts'
import type { Outbox } from '../mail/outbox.ts'
import type { Postgres } from '../platform/postgres.ts'

const REQUEST_SECONDS = 3_600

/** Somebody asked for a mail to an address, whoever may stand behind it. */
export type AskedMail = {
  asksFor: 'verification' | 'password reset'
  email: EmailAddress
  origin: RequestOrigin
}

/** An account was guessed at too often, or a name that has none. */
export type LockNoticeRequest = {
  asksFor: 'lock notice'
  userId: string | null
  subject: GuessSubject
  origin: RequestOrigin
}

export type MailRequest = AskedMail | LockNoticeRequest

export type MailRequestStore = ReturnType<typeof createMailRequestStore>
export type SealLockNotice = MailRequestStore['sealLockNotice']

export type MailRequestStoreDeps = { postgres: Postgres; outbox: Outbox }

export function createMailRequestStore({ postgres, outbox }: MailRequestStoreDeps) {
  /** Writes a request down; it outlives the process. */
  async function add(request: AskedMail): Promise<void> {
    await outbox.enqueue(postgres, 'mail_request', request, REQUEST_SECONDS)
  }

  /** A request that the statement which counts a guess writes down, when it is one too many. */
  function sealLockNotice(userId: string | null, subject: GuessSubject, origin: RequestOrigin) {
    const request: LockNoticeRequest = { asksFor: 'lock notice', userId, subject, origin }
    return outbox.seal('mail_request', request)
  }

  return { add, sealLockNotice }
}
