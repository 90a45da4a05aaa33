import { v7 as uuidv7 } from 'uuid'
import type { RequestOrigin } from '../audit/events.ts'
import type { Audit } from '../audit/record.ts'
import type { MailCap } from '../mail/mail-cap.ts'
import type { EnqueueMail } from '../mail/outbox.ts'
import type { Clock } from '../platform/clock.ts'
import type { Sealer } from '../platform/keys/sealer.ts'
import type { Registration } from '../platform/prisma/client.ts'
import type { Postgres, Transaction } from '../platform/postgres.ts'
import type { MailTokenStore, NewMailToken, PresentedMailToken } from './mail-token-store.ts'
import { lockRegistrations } from './registration-lock-store.ts'
import { claimUsername, keepUsername, passUsernames, releaseUsername } from './username-store.ts'
import { isSomebodys } from './taken-address-store.ts'
import { userPlace } from './user.ts'

export const VERIFICATION_SECONDS = 24 * 3_600

/** What somebody typed into the form, checked and with the password already hashed. */
export type RegistrationForm = {
  email: { address: string; canonical: string }
  passwordHash: string
  username: string | null
  name: string | null
  surname: string | null
  phoneNumber: string | null
  locale: string | null
}

export type RegistrationOutcome =
  | { kind: 'registered'; id: string; createdAt: Date }
  | { kind: 'username_taken' }
  | { kind: 'email_taken' }

export type RegistrationRules = {
  /** Tells `email_taken` instead of treating every address alike. */
  refuseTakenEmail: boolean
  /** Closed networks do not wait for the mail. */
  createUserAtOnce: boolean
}

export type RegistrationStore = ReturnType<typeof createRegistrationStore>

export type RegistrationStoreDeps = {
  postgres: Postgres
  sealer: Sealer
  clock: Clock
  mailTokens: MailTokenStore
  takeMailSlot: MailCap
  enqueueMail: EnqueueMail
  record: Audit
  issuer: string
}

export function createRegistrationStore(deps: RegistrationStoreDeps) {
  const { postgres, sealer, clock, mailTokens, takeMailSlot, enqueueMail, record, issuer } = deps

  /**
   * Writes a Registration whoever the address belongs to; only the mail differs. So answer, time,
   * usernames and later logins are the same for a free address and a taken one.
   */
  async function register(
    form: RegistrationForm,
    origin: RequestOrigin,
    { refuseTakenEmail, createUserAtOnce }: RegistrationRules
  ): Promise<RegistrationOutcome> {
    const now = clock.now()
    const id = uuidv7({ msecs: now.getTime() })
    const emailIndex = sealer.emailIndex(form.email.canonical)
    const { username } = form
    return postgres.transaction(async (tx) => {
      const isTaken = await isSomebodys(tx, { emailIndex, now: clock.now() })
      if (isTaken && refuseTakenEmail) return { kind: 'email_taken' }
      const isFree =
        username === null ||
        (await claimUsername(tx, {
          username,
          holderId: id,
          emailIndex,
          seconds: VERIFICATION_SECONDS
        }))
      if (!isFree) return { kind: 'username_taken' }
      const registration = await tx.registration.create({
        data: {
          ...sealed(form, id),
          id,
          emailIndex,
          createdAt: now,
          expiresAt: new Date(now.getTime() + VERIFICATION_SECONDS * 1_000)
        }
      })
      if (createUserAtOnce && !(await makeUser(tx, registration, null))) {
        await withdraw(tx, id)
        return { kind: 'email_taken' }
      }
      const belongsTo = createUserAtOnce ? { userId: id } : { registrationId: id }
      await sendMail(tx, { belongsTo, email: form.email, locale: form.locale, isTaken })
      await record(tx, { type: 'account.registered', origin, userId: id })
      return { kind: 'registered', id, createdAt: now }
    })
  }

  /** Mails a fresh link and code for the newest registration of an address; its older ones stop to work. */
  async function renew(email: { address: string; canonical: string }): Promise<void> {
    const emailIndex = sealer.emailIndex(email.canonical)
    await postgres.transaction(async (tx) => {
      await lockRegistrations(tx, [Buffer.from(emailIndex).toString('hex')])
      const registration = await tx.registration.findFirst({
        where: { emailIndex, expiresAt: { gt: clock.now() } },
        orderBy: { createdAt: 'desc' }
      })
      const user = await tx.user.findUnique({ where: { emailIndex } })
      // First a person who is still to prove the address (closed networks and imports have them): whatever
      // a stranger registered for it since must not stand in their way.
      if (user?.emailVerifiedAt === null) {
        const { id, locale, emailSealed } = user
        const address = sealer.open(emailSealed, userPlace(id, 'email_sealed'))
        const belongsTo = { userId: id }
        await sendMail(tx, { belongsTo, email: { ...email, address }, locale, isTaken: false })
      } else if (registration !== null) {
        const { id, locale, emailSealed } = registration
        const address = sealer.open(emailSealed, place(id, 'email_sealed'))
        const belongsTo = { registrationId: id }
        await sendMail(tx, {
          belongsTo,
          email: { ...email, address },
          locale,
          isTaken: await isSomebodys(tx, { emailIndex, now: clock.now() })
        })
      }
    })
  }

  /**
   * Spends a verification token and makes the user, with the registration's id. The address's other
   * registrations are gone with that; of any number of callers one gets the user.
   * @returns the user's id, or null when the token does not hold (any more)
   */
  async function verify(
    presented: PresentedMailToken,
    origin: RequestOrigin
  ): Promise<string | null> {
    return postgres.transaction(async (tx) => {
      const emailIndex = await mailTokens.findEmailIndex(tx, 'verify_email', presented)
      if (emailIndex === null) return null
      await lockRegistrations(tx, [Buffer.from(emailIndex).toString('hex')])
      const spent = await mailTokens.consume(tx, 'verify_email', presented)
      const id = spent?.registrationId ?? spent?.userId
      if (id === undefined || id === null) return null
      if (spent?.userId === id) {
        await tx.user.update({ where: { id }, data: { emailVerifiedAt: clock.now() } })
      } else {
        const registration = await tx.registration.findUniqueOrThrow({ where: { id } })
        if (!(await makeUser(tx, registration, clock.now()))) return null
      }
      await record(tx, { type: 'account.verified', origin, userId: id })
      return id
    })
  }

  /**
   * Turns a registration into a user; the address's other ones are gone with that. False when the
   * address has become somebody's meanwhile: the unique index decides, whoever comes at once.
   */
  async function makeUser(
    tx: Transaction,
    registration: Registration,
    emailVerifiedAt: Date | null
  ): Promise<boolean> {
    const { id, username, emailIndex } = registration
    if (await isSomebodys(tx, { emailIndex, now: clock.now() })) return false
    if (!(await insertUser(tx, registration, emailVerifiedAt))) return false
    if (username !== null && (await keepUsername(tx, { username, holderId: id, emailIndex }))) {
      await tx.user.update({ where: { id }, data: { username } })
    }
    await passUsernames(tx, { userId: id, emailIndex })
    await tx.registration.deleteMany({ where: { emailIndex } })
    return true
  }

  /** Takes back a registration whose address became somebody's while it was made. */
  async function withdraw(tx: Transaction, id: string): Promise<void> {
    await releaseUsername(tx, id)
    await tx.registration.delete({ where: { id } })
  }

  async function insertUser(
    tx: Transaction,
    registration: Registration,
    emailVerifiedAt: Date | null
  ): Promise<boolean> {
    const { id, emailIndex, passwordHash, name, surname, phoneIndex, locale } = registration
    const { emailSealed, phoneSealed, createdAt } = registration
    const reseal = (bytes: Uint8Array, column: 'email_sealed' | 'phone_sealed') =>
      sealer.seal(sealer.open(bytes, place(id, column)), userPlace(id, column))
    const now = clock.now()
    const { count } = await tx.user.createMany({
      data: {
        id,
        emailIndex,
        emailSealed: reseal(emailSealed, 'email_sealed'),
        emailVerifiedAt,
        phoneIndex,
        phoneSealed: phoneSealed && reseal(phoneSealed, 'phone_sealed'),
        passwordHash,
        name,
        surname,
        locale,
        roles: ['user'],
        createdAt,
        updatedAt: now
      },
      skipDuplicates: true
    })
    return count === 1
  }

  /** A token is made for a taken address too; it is just never sent. */
  async function sendMail(
    tx: Transaction,
    to: {
      belongsTo: NewMailToken['belongsTo']
      email: { address: string; canonical: string }
      locale: string | null
      isTaken: boolean
    }
  ): Promise<void> {
    // One cap for both mails: it must not tell which of them was due.
    if (!(await takeMailSlot(tx, 'registration', to.email.canonical))) return
    const { token, code } = await mailTokens.replace(tx, {
      purpose: 'verify_email',
      canonicalEmail: to.email.canonical,
      ttlSeconds: VERIFICATION_SECONDS,
      belongsTo: to.belongsTo
    })
    const recipient = { to: to.email.address, locale: to.locale }
    const link = `${issuer}/verify-email?token=${token}`
    const hours = VERIFICATION_SECONDS / 3_600
    await enqueueMail(
      tx,
      to.isTaken
        ? { ...recipient, template: 'already-registered', data: { issuer } }
        : { ...recipient, template: 'verify-email', data: { link, code, hours } },
      VERIFICATION_SECONDS
    )
  }

  function sealed(form: RegistrationForm, id: string) {
    const { email, passwordHash, username, name, surname, phoneNumber, locale } = form
    const phone = phoneNumber ?? ''
    const hasPhone = phone !== ''
    return {
      emailSealed: sealer.seal(email.address, place(id, 'email_sealed')),
      phoneIndex: hasPhone ? sealer.phoneIndex(phone) : null,
      phoneSealed: hasPhone ? sealer.seal(phone, place(id, 'phone_sealed')) : null,
      passwordHash,
      username,
      name,
      surname,
      locale
    }
  }

  return { register, renew, verify }
}

const place = (id: string, column: string) => ({ table: 'registration', column, row: id })
