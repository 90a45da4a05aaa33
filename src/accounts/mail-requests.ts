import type { GuessLanes } from '../abuse/guess-lanes.ts'
import { GUESS_MILESTONES } from '../abuse/guess.ts'
import type { RequestOrigin } from '../audit/events.ts'
import type { EmailAddress } from '../lib/email-address.ts'
import type { LockNoticeStore } from './lock-notice-store.ts'
import type {
  AskedMail,
  LockNoticeRequest,
  MailRequest,
  MailRequestStore
} from './mail-request-store.ts'
import { requireEmail } from './registration.ts'

export type MailRequests = ReturnType<typeof createMailRequests>

export type MailRequestsDeps = {
  store: MailRequestStore
  /** Looks up who it is, and writes the mail if there is one to write. */
  renewVerification: (email: EmailAddress) => Promise<void>
  renewReset: (email: EmailAddress, origin: RequestOrigin) => Promise<void>
  isUntold: GuessLanes['isUntold']
  tellGuesses: LockNoticeStore['tell']
}

/**
 * Asking for a mail writes the request down and nothing else; who stands behind the address is looked
 * up afterwards. So the answer and its time are the same for every address, by construction.
 */
export function createMailRequests(deps: MailRequestsDeps) {
  const { store, renewVerification, renewReset, isUntold, tellGuesses } = deps

  async function ask(
    asksFor: AskedMail['asksFor'],
    email: string,
    origin: RequestOrigin
  ): Promise<void> {
    await store.add({ asksFor, email: requireEmail(email), origin })
  }

  /** Does what a request asked for; it may be asked twice, the mailbox's cap makes that harmless. */
  async function fulfil(request: MailRequest): Promise<void> {
    switch (request.asksFor) {
      case 'verification':
        return renewVerification(request.email)
      case 'password reset':
        return renewReset(request.email, request.origin)
      case 'lock notice':
        return tellMilestones(request)
    }
  }

  /** A right guess since has made an end of it. */
  async function tellMilestones({ userId, subject, origin }: LockNoticeRequest): Promise<void> {
    for (const milestone of GUESS_MILESTONES) {
      if (await isUntold(subject, milestone)) await tellGuesses(milestone, userId, subject, origin)
    }
  }

  return { ask, fulfil }
}
