import type { PresentedMailToken } from './mail-token-store.ts'
import type { AccountStoreDeps } from './store-deps.ts'
import { userPlace } from './user.ts'

export type FindOwnWords = ReturnType<typeof createResetOwners>

export type ResetOwnersDeps = Pick<AccountStoreDeps, 'postgres' | 'sealer' | 'mailTokens'>

export function createResetOwners({ postgres, sealer, mailTokens }: ResetOwnersDeps) {
  /**
   * The words of whoever a live reset token is for, which it leaves unspent: their new password must not be
   * made of them. A dead token is asked for by the same statements, and has none.
   */
  return async function findOwnWords(presented: PresentedMailToken): Promise<string[] | null> {
    return postgres.transaction(async (tx) => {
      const userId = await mailTokens.findOwner(tx, 'reset_password', presented)
      const user = await tx.user.findFirst({
        where: { id: userId ?? NOBODY },
        select: { id: true, emailSealed: true, username: true, name: true, surname: true }
      })
      if (user === null) return null
      const email = sealer.open(user.emailSealed, userPlace(user.id, 'email_sealed'))
      const words = [email, user.username, user.name, user.surname]
      return words.filter((word) => word !== null)
    })
  }
}

/** Postgres is asked for them as for anybody. */
const NOBODY = '00000000-0000-0000-0000-000000000000'
