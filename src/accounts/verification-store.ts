import type { RequestOrigin } from '../audit/events.ts'
import { lockRegistrations } from './registration-lock-store.ts'
import type { PresentedMailToken } from './mail-token-store.ts'
import type { MakeUser } from './make-user-store.ts'
import type { AccountStoreDeps } from './store-deps.ts'

export type VerificationStore = ReturnType<typeof createVerificationStore>

export type VerificationStoreDeps = Pick<
  AccountStoreDeps,
  'postgres' | 'clock' | 'mailTokens' | 'record'
> & { makeUser: MakeUser }

export function createVerificationStore(deps: VerificationStoreDeps) {
  const { postgres, clock, mailTokens, record, makeUser } = deps

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

  return { verify }
}
