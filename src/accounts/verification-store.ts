import type { RequestOrigin } from '../audit/events.ts'
import type { Registration } from '../platform/prisma/client.ts'
import type { Connection } from '../platform/postgres.ts'
import { byAddress } from './address-statement.ts'
import { lockRegistrations } from './registration-lock-store.ts'
import type { PresentedMailToken } from './mail-token-store.ts'
import type { MakeUser } from './make-user-store.ts'
import { registrationPlace } from './registration-place.ts'
import type { SendReset } from './reset-mail-store.ts'
import type { AccountStoreDeps } from './store-deps.ts'

/** `hasPassword` is false where the address was contested: its owner has still to set one. */
export type Verified = { userId: string; hasPassword: boolean }

export type VerificationStore = ReturnType<typeof createVerificationStore>

export type VerificationStoreDeps = Pick<
  AccountStoreDeps,
  'postgres' | 'sealer' | 'clock' | 'mailTokens' | 'record'
> & { makeUser: MakeUser; sendReset: SendReset }

export function createVerificationStore(deps: VerificationStoreDeps) {
  const { postgres, sealer, clock, mailTokens, record, makeUser, sendReset } = deps

  /**
   * Spends a verification token and makes the user, with the registration's id. The address's other
   * registrations are gone with that; of any number of callers one gets the user.
   *
   * The mail proves the mailbox, and no more: it does not tell which of several registrations its reader
   * typed. A stranger who registers the address first could have the owner confirm the stranger's
   * password, be it by the stranger's mail being opened in place of the owner's, or by the mailbox's cap
   * holding the owner's mail back ("account pre-hijacking", Sudhodanan and Paverd, USENIX Security 2022).
   * So an address that was registered with more than one password is *contested*: the user gets none of
   * the passwords and nothing of any form, and a mail with which whoever reads it sets their own. That
   * holds whatever the order of registering, asking for new mails and opening them, since it is judged
   * here, over every row that a mail can still lead to (expired ones too, until they are purged). Twice
   * the same password is one person: it has the same hash per address.
   *
   * What remains: a stranger's registration *alone*, confirmed by an owner who never registered. The mail
   * and its page say that somebody chose a password, and to do nothing if that was somebody else.
   *
   * @returns null when the token does not hold (any more)
   */
  async function verify(
    presented: PresentedMailToken,
    origin: RequestOrigin
  ): Promise<Verified | null> {
    return postgres.hotTransaction(async (tx) => {
      const emailIndex = await mailTokens.findEmailIndex(tx, 'verify_email', presented)
      if (emailIndex === null) return null
      await lockRegistrations(tx, [emailIndex])
      const spent = await mailTokens.consume(tx, 'verify_email', presented)
      const { registrationId = null, userId = null } = spent ?? {}
      if (registrationId !== null) return becomeUser(tx, registrationId, origin)
      if (userId === null) return null
      await tx.query(VERIFY_USER, [userId, clock.now()])
      await record(tx, { type: 'account.verified', origin, userId })
      return { userId, hasPassword: true }
    })
  }

  async function becomeUser(
    tx: Connection,
    id: string,
    origin: RequestOrigin
  ): Promise<Verified | null> {
    const [registration] = await tx.query<Registration>(FIND, [id])
    if (registration === undefined) throw new Error(`Registration ${id} is gone before its token.`)
    const isContested = await hasRivals(tx, registration)
    const person = isContested ? { ...registration, ...NOTHING_TYPED } : registration
    if (!(await makeUser(tx, person, clock.now()))) return null
    const details = { contested: isContested }
    await record(tx, { type: 'account.verified', origin, userId: id, details })
    if (isContested) {
      const to = sealer.open(registration.emailSealed, registrationPlace(id, 'email_sealed'))
      await sendReset(tx, { userId: id, to, locale: null }, 'choose-password', origin)
    }
    return { userId: id, hasPassword: !isContested }
  }

  /** Whether somebody, perhaps somebody else, registered the address with another password. */
  async function hasRivals(
    tx: Connection,
    { passwordHash, ...registration }: Registration
  ): Promise<boolean> {
    const emailIndex = sealer.addressIndexOf(registration)
    const rivals = await tx.query(FIND_RIVAL(emailIndex), [emailIndex.value, passwordHash])
    return rivals.length > 0
  }

  return { verify }
}

/** A form of which nobody knows whose it is counts for nothing. */
const NOTHING_TYPED = {
  passwordHash: null,
  username: null,
  name: null,
  surname: null,
  phoneIndex: null,
  phoneSealed: null,
  locale: null
}

const FIND = {
  name: 'registration_find',
  text: `
    SELECT id, email_index AS "emailIndex", email_index_next AS "emailIndexNext", email_sealed AS "emailSealed",
           password_hash AS "passwordHash", username, name, surname, phone_index AS "phoneIndex",
           phone_sealed AS "phoneSealed", locale, created_at AS "createdAt", expires_at AS "expiresAt"
      FROM registration WHERE id = $1::uuid`
}

const FIND_RIVAL = byAddress(
  'registration_rival',
  (column) => `SELECT 1 FROM registration WHERE ${column} = $1 AND password_hash <> $2 LIMIT 1`
)

const VERIFY_USER = {
  name: 'user_verify',
  text: 'UPDATE users SET email_verified_at = $2 WHERE id = $1::uuid'
}
