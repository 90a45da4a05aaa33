import type { Registration } from '../platform/prisma/client.ts'
import type { Connection } from '../platform/postgres.ts'
import { byAddress } from './address-statement.ts'
import { registrationPlace } from './registration-place.ts'
import type { AccountStoreDeps } from './store-deps.ts'
import { isSomebodys } from './taken-address-store.ts'
import { keepUsername, passUsernames } from './username-store.ts'
import { userPlace } from './user.ts'

export type MakeUser = ReturnType<typeof createUserMaker>

/** A registration as it is kept, or what is left of it: what counts for nothing is null. */
export type RegisteredPerson = Omit<Registration, 'passwordHash'> & { passwordHash: string | null }

export type UserMakerDeps = Pick<AccountStoreDeps, 'sealer' | 'clock'>

export function createUserMaker({ sealer, clock }: UserMakerDeps) {
  /**
   * Turns a registration into a user; the address's other ones are gone with that. False when the
   * address has become somebody's meanwhile: the unique index decides, whoever comes at once.
   */
  return async function makeUser(
    tx: Connection,
    registration: RegisteredPerson,
    emailVerifiedAt: Date | null
  ): Promise<boolean> {
    const { id, username } = registration
    const emailIndex = sealer.addressIndexOf(registration)
    if (await isSomebodys(tx, { emailIndex, now: clock.now() })) return false
    if (!(await insertUser(tx, registration, emailVerifiedAt))) return false
    if (username !== null && (await keepUsername(tx, { username, holderId: id, emailIndex }))) {
      await tx.query(NAME_USER, [id, username])
    }
    await passUsernames(tx, { userId: id, emailIndex })
    await tx.query(DELETE_REGISTRATIONS(emailIndex), [emailIndex.value])
    return true
  }

  async function insertUser(
    tx: Connection,
    registration: RegisteredPerson,
    emailVerifiedAt: Date | null
  ): Promise<boolean> {
    const { id, emailIndex, emailIndexNext, passwordHash, name, surname, phoneIndex, locale } =
      registration
    const { emailSealed, phoneSealed, createdAt } = registration
    const reseal = (bytes: Uint8Array, column: 'email_sealed' | 'phone_sealed') =>
      sealer.seal(sealer.open(bytes, registrationPlace(id, column)), userPlace(id, column))
    const inserted = await tx.query(INSERT_USER, [
      id,
      emailIndex,
      emailIndexNext,
      reseal(emailSealed, 'email_sealed'),
      emailVerifiedAt,
      phoneIndex,
      phoneSealed && reseal(phoneSealed, 'phone_sealed'),
      passwordHash,
      name,
      surname,
      locale,
      ['user'],
      createdAt,
      clock.now()
    ])
    return inserted.length === 1
  }
}

/** Whoever has the address, or an index of it, keeps it. */
const INSERT_USER = {
  name: 'user_insert',
  text: `
    INSERT INTO users (id, email_index, email_index_next, email_sealed, email_verified_at, phone_index,
                       phone_sealed, password_hash, name, surname, locale, roles, created_at, updated_at)
    VALUES ($1::uuid, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
    ON CONFLICT DO NOTHING RETURNING 1`
}

const NAME_USER = { name: 'user_name', text: 'UPDATE users SET username = $2 WHERE id = $1::uuid' }

const DELETE_REGISTRATIONS = byAddress(
  'registration_delete',
  (column) => `DELETE FROM registration WHERE ${column} = $1`
)
