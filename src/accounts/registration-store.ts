import { createToldEventComposer, insertFirstEvents } from '../audit/event-row.ts'
import type { AuditEvent, RequestOrigin } from '../audit/events.ts'
import type { EmailAddress } from '../lib/email-address.ts'
import { uuidv7At } from '../lib/random.ts'
import type { Registration } from '../platform/prisma/client.ts'
import type { Connection } from '../platform/postgres.ts'
import type { MakeUser } from './make-user-store.ts'
import { registrationPlace } from './registration-place.ts'
import type { AccountStoreDeps } from './store-deps.ts'
import { isSomebodys } from './taken-address-store.ts'
import type { ReserveUsername } from './username-claim-store.ts'
import { releaseUsername } from './username-store.ts'
import { VERIFICATION_SECONDS, type VerificationMailStore } from './verification-mail-store.ts'

/** What somebody typed into the form, checked and with the password already hashed. */
export type RegistrationForm = {
  email: EmailAddress
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

export type RegistrationStoreDeps = Pick<
  AccountStoreDeps,
  'postgres' | 'sealer' | 'clock' | 'record'
> & {
  makeUser: MakeUser
  reserveUsername: ReserveUsername
  sendVerification: VerificationMailStore['send']
}

export function createRegistrationStore(deps: RegistrationStoreDeps) {
  const { postgres, sealer, clock, record, makeUser, reserveUsername, sendVerification } = deps
  const composeEvent = createToldEventComposer({ sealer, clock })

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
    const id = uuidv7At(now)
    const { username } = form
    return postgres.hotTransaction(async (tx) => {
      // In here: a repeated transaction may find the index at its next step.
      const emailIndex = sealer.emailIndex(form.email.canonical)
      const isTaken = isSomebodys(tx, { emailIndex, now: clock.now() })
      isTaken.catch(() => undefined) // what goes with it fails too, and may be awaited before
      if (refuseTakenEmail && (await isTaken)) return { kind: 'email_taken' }
      const isFree =
        username === null ||
        (await reserveUsername(tx, {
          username,
          holderId: id,
          canonicalEmail: form.email.canonical,
          emailIndex,
          seconds: VERIFICATION_SECONDS
        }))
      if (!isFree) return { kind: 'username_taken' }
      const registration = {
        id,
        ...emailIndex.columns,
        ...sealed(form, id),
        createdAt: now,
        expiresAt: new Date(now.getTime() + VERIFICATION_SECONDS * 1_000)
      }
      const event = { type: 'account.registered', origin, userId: id } as const
      if (createUserAtOnce) {
        await tx.query(INSERT, columnsOf(registration))
        if (!(await makeUser(tx, registration, null))) {
          await withdraw(tx, id)
          return { kind: 'email_taken' }
        }
        await record(tx, event)
      }
      const belongsTo = createUserAtOnce ? { userId: id } : { registrationId: id }
      const mail = { belongsTo, email: form.email, locale: form.locale, isTaken }
      // In one turn, so that they go together; with the question before, where nothing is refused by it.
      await Promise.all([
        isTaken,
        createUserAtOnce ? undefined : insertTold(tx, registration, event),
        sendVerification(tx, mail)
      ])
      return { kind: 'registered', id, createdAt: now }
    })
  }

  /** The row and its event; the id is new, so that nobody has a key for the event yet. */
  async function insertTold(
    tx: Connection,
    registration: Registration,
    event: AuditEvent & { userId: string }
  ): Promise<void> {
    const { rows, added } = composeEvent(event, null)
    const keys = [added?.userIds, added?.sealedKeys]
    const told = await tx.query(INSERT_TOLD, [...columnsOf(registration), rows, ...keys])
    if (told.length === 0) await record(tx, event)
  }

  /** Takes back a registration whose address became somebody's while it was made. */
  async function withdraw(tx: Connection, id: string): Promise<void> {
    await releaseUsername(tx, id)
    await tx.query(DELETE, [id])
  }

  function sealed(form: RegistrationForm, id: string) {
    const { email, passwordHash, username, name, surname, phoneNumber, locale } = form
    const phone = phoneNumber ?? ''
    const hasPhone = phone !== ''
    return {
      emailSealed: sealer.seal(email.address, registrationPlace(id, 'email_sealed')),
      phoneIndex: hasPhone ? sealer.phoneIndex(phone) : null,
      phoneSealed: hasPhone ? sealer.seal(phone, registrationPlace(id, 'phone_sealed')) : null,
      passwordHash,
      username,
      name,
      surname,
      locale
    }
  }

  return { register }
}

const INSERT = {
  name: 'registration_insert',
  text: `
    INSERT INTO registration (id, email_index, email_index_next, email_sealed, password_hash, username,
                              name, surname, phone_index, phone_sealed, locale, created_at, expires_at)
    VALUES ($1::uuid, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`
}

const INSERT_TOLD = {
  name: 'registration_insert_told',
  text: `WITH registered AS (${INSERT.text}), ${insertFirstEvents('$14', '$15', '$16')} SELECT 1 FROM told`
}

function columnsOf(registration: Registration): unknown[] {
  const { id, emailIndex, emailIndexNext, emailSealed, passwordHash, username } = registration
  const { name, surname, phoneIndex, phoneSealed, locale, createdAt, expiresAt } = registration
  return [
    ...[id, emailIndex, emailIndexNext, emailSealed, passwordHash, username],
    ...[name, surname, phoneIndex, phoneSealed, locale, createdAt, expiresAt]
  ]
}

const DELETE = {
  name: 'registration_withdraw',
  text: 'DELETE FROM registration WHERE id = $1::uuid'
}
