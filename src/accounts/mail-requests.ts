import type { RequestOrigin } from '../audit/events.ts'
import type { EmailAddress } from '../lib/email-address.ts'
import type { MailRequestStore } from './mail-request-store.ts'
import { requireEmail } from './registration.ts'

/** Somebody asked for a mail to an address, whoever may stand behind it. */
export type MailRequest = {
  asksFor: 'verification' | 'password reset'
  email: EmailAddress
  origin: RequestOrigin
}

export type MailRequests = ReturnType<typeof createMailRequests>

export type MailRequestsDeps = {
  store: MailRequestStore
  /** Looks up who it is, and writes the mail if there is one to write. */
  renewVerification: (email: EmailAddress) => Promise<void>
  renewReset: (email: EmailAddress, origin: RequestOrigin) => Promise<void>
}

/**
 * Asking for a mail writes the request down and nothing else; who stands behind the address is looked
 * up afterwards. So the answer and its time are the same for every address, by construction.
 */
export function createMailRequests({ store, renewVerification, renewReset }: MailRequestsDeps) {
  async function ask(
    asksFor: MailRequest['asksFor'],
    email: string,
    origin: RequestOrigin
  ): Promise<void> {
    await store.add({ asksFor, email: requireEmail(email), origin })
  }

  /** Does what a request asked for; it may be asked twice, the mailbox's cap makes that harmless. */
  async function fulfil({ asksFor, email, origin }: MailRequest): Promise<void> {
    switch (asksFor) {
      case 'verification':
        return renewVerification(email)
      case 'password reset':
        return renewReset(email, origin)
    }
  }

  return { ask, fulfil }
}
