import type { Registration } from '../platform/prisma/client.ts'
import type { Transaction } from '../platform/postgres.ts'
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
    tx: Transaction,
    registration: RegisteredPerson,
    emailVerifiedAt: Date | null
  ): Promise<boolean> {
    const { id, username } = registration
    const emailIndex = sealer.addressIndexOf(registration)
    if (await isSomebodys(tx, { emailIndex, now: clock.now() })) return false
    if (!(await insertUser(tx, registration, emailVerifiedAt))) return false
    if (username !== null && (await keepUsername(tx, { username, holderId: id, emailIndex }))) {
      await tx.user.update({ where: { id }, data: { username } })
    }
    await passUsernames(tx, { userId: id, emailIndex })
    await tx.registration.deleteMany({ where: emailIndex.where })
    return true
  }

  async function insertUser(
    tx: Transaction,
    registration: RegisteredPerson,
    emailVerifiedAt: Date | null
  ): Promise<boolean> {
    const { id, emailIndex, emailIndexNext, passwordHash, name, surname, phoneIndex, locale } =
      registration
    const { emailSealed, phoneSealed, createdAt } = registration
    const reseal = (bytes: Uint8Array, column: 'email_sealed' | 'phone_sealed') =>
      sealer.seal(sealer.open(bytes, registrationPlace(id, column)), userPlace(id, column))
    const { count } = await tx.user.createMany({
      data: {
        id,
        emailIndex,
        emailIndexNext,
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
        updatedAt: clock.now()
      },
      skipDuplicates: true
    })
    return count === 1
  }
}
