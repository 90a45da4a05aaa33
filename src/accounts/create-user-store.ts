import type { EmailAddress } from '../lib/email-address.ts'
import { uuidv7At } from '../lib/random.ts'
import type { DataKeys } from '../platform/keys/data-keys.ts'
import type { AccountStoreDeps } from './store-deps.ts'
import { isSomebodys } from './taken-address-store.ts'
import { userPlace } from './user.ts'
import { createAddressTags } from './username-claim-store.ts'
import { takeUsernames } from './username-store.ts'

/** A person whom an operator makes: nobody has to prove the address. */
export type OperatorUser = {
  email: EmailAddress
  username: string | null
  passwordHash: string | null
  roles: string[]
}

export type CreateUserStoreDeps = Pick<
  AccountStoreDeps,
  'postgres' | 'sealer' | 'clock' | 'record'
> & { dataKeys: DataKeys }

export function createUserByOperator(deps: CreateUserStoreDeps) {
  const { postgres, sealer, dataKeys, clock, record } = deps
  const tagsOf = createAddressTags(dataKeys)

  /** @returns the id, or what is taken */
  return async function createUser(
    user: OperatorUser
  ): Promise<{ id: string } | 'email_taken' | 'username_taken'> {
    const { email, username, passwordHash, roles } = user
    const now = clock.now()
    const id = uuidv7At(now)
    return postgres.transaction(async (tx) => {
      // In here: a repeated transaction may find the index at its next step.
      const emailIndex = sealer.emailIndex(email.canonical)
      if (await isSomebodys(tx, { emailIndex, now })) return 'email_taken'
      if (username !== null) {
        const claim = { username, holderId: id, emailIndex, tags: tagsOf(email.canonical) }
        if (!(await takeUsernames(tx, [claim]))) return 'username_taken'
      }
      await tx.user.create({
        data: {
          id,
          ...emailIndex.columns,
          emailSealed: sealer.seal(email.address, userPlace(id, 'email_sealed')),
          emailVerifiedAt: now,
          username,
          passwordHash,
          roles,
          createdAt: now,
          updatedAt: now
        }
      })
      const details = { by: 'operator', roles: roles.join(' ') }
      await record(tx, { type: 'account.created', userId: id, details })
      return { id }
    })
  }
}
