import type { EmailAddress } from '../lib/email-address.ts'
import { endOf, type HotTransaction } from '../platform/postgres.ts'
import { byAddress } from './address-statement.ts'
import type { NewMailToken } from './mail-token-store.ts'
import { lockRegistrations } from './registration-lock-store.ts'
import { registrationPlace } from './registration-place.ts'
import type { AccountStoreDeps } from './store-deps.ts'
import { findOwner, isSomebodys, type AddressOwner } from './taken-address-store.ts'
import { userPlace } from './user.ts'

/** How long a registration, its mail and the username in it last. */
export const VERIFICATION_SECONDS = 24 * 3_600

export type VerificationMailStore = ReturnType<typeof createVerificationMailStore>

export type VerificationMailStoreDeps = Pick<
  AccountStoreDeps,
  'postgres' | 'sealer' | 'clock' | 'mailTokens' | 'takeMailSlot' | 'enqueueMail' | 'issuer'
>

/** Whose verification it is, where the mail goes, and whether the address is somebody's already. */
export type VerificationMail = {
  belongsTo: NewMailToken['belongsTo']
  email: EmailAddress
  locale: string | null
  isTaken: boolean | Promise<boolean>
}

export function createVerificationMailStore(deps: VerificationMailStoreDeps) {
  const { postgres, sealer, clock, mailTokens, takeMailSlot, enqueueMail, issuer } = deps

  /** A token is made for a taken address too; it is just never sent. */
  async function send(tx: HotTransaction, mail: VerificationMail): Promise<void> {
    const { belongsTo, email, locale } = mail
    // One cap for both mails: it must not tell which of them was due.
    const hasSlot = await takeMailSlot(tx, 'registration', email.canonical)
    const isTaken = await mail.isTaken
    if (!hasSlot) return
    const end = endOf(tx)
    const { token, code } = await mailTokens.replace(end, {
      purpose: 'verify_email',
      canonicalEmail: email.canonical,
      ttlSeconds: VERIFICATION_SECONDS,
      belongsTo
    })
    const recipient = { to: email.address, locale }
    const link = `${issuer}/verify-email?token=${token}`
    const resetLink = `${issuer}/forgot-password`
    const hours = VERIFICATION_SECONDS / 3_600
    await enqueueMail(
      end,
      isTaken
        ? { ...recipient, template: 'already-registered', data: { issuer, resetLink } }
        : { ...recipient, template: 'verify-email', data: { link, code, hours } },
      VERIFICATION_SECONDS,
      'userId' in belongsTo ? belongsTo.userId : belongsTo.registrationId
    )
  }

  /** Mails a fresh link and code for the newest registration of an address; its older ones stop to work. */
  async function renew(email: EmailAddress): Promise<void> {
    await postgres.hotTransaction(async (tx) => {
      // In here: a repeated transaction may find the index at its next step.
      const emailIndex = sealer.emailIndex(email.canonical)
      await lockRegistrations(tx, [emailIndex])
      const newest = [emailIndex.value, clock.now()]
      const [registration] = await tx.query<Newest>(FIND_NEWEST(emailIndex), newest)
      const user = await findOwner(tx, emailIndex)
      // First a person who is still to prove the address (closed networks and imports have them): whatever
      // a stranger registered for it since must not stand in their way.
      if (user?.emailVerifiedAt === null) {
        const { id, locale, emailSealed } = user
        const address = sealer.open(emailSealed, userPlace(id, 'email_sealed'))
        const belongsTo = { userId: id }
        await send(tx, { belongsTo, email: { ...email, address }, locale, isTaken: false })
      } else if (registration !== undefined) {
        const { id, locale, emailSealed } = registration
        const address = sealer.open(emailSealed, registrationPlace(id, 'email_sealed'))
        const isTaken = await isSomebodys(tx, { emailIndex, now: clock.now() })
        const belongsTo = { registrationId: id }
        await send(tx, { belongsTo, email: { ...email, address }, locale, isTaken })
      }
    })
  }

  return { send, renew }
}

type Newest = Pick<AddressOwner, 'id' | 'emailSealed' | 'locale'>

const FIND_NEWEST = byAddress(
  'registration_newest',
  (column) => `
    SELECT id, email_sealed AS "emailSealed", locale FROM registration
     WHERE ${column} = $1 AND expires_at > $2 ORDER BY created_at DESC LIMIT 1`
)
