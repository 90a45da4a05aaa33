import type { RequestOrigin } from '../audit/events.ts'
import type { EmailAddress } from '../lib/email-address.ts'
import type { User as UserRow } from '../platform/prisma/client.ts'
import type { Transaction } from '../platform/postgres.ts'
import type { EndedSession } from '../sessions/end-sessions.ts'
import type { PresentedMailToken } from './mail-token-store.ts'
import type { SendReset } from './reset-mail-store.ts'
import type { AccountStoreDeps } from './store-deps.ts'
import { findOwner, type AddressOwner } from './taken-address-store.ts'
import { userPlace } from './user.ts'

const NOTICE_SECONDS = 24 * 3_600

export type PasswordStore = ReturnType<typeof createPasswordStore>

export type PasswordStoreDeps = AccountStoreDeps & { sendReset: SendReset }

/** A password that has been replaced, and the sessions that ended with it. */
export type Replaced = { userId: string; ended: EndedSession[] }

export function createPasswordStore(deps: PasswordStoreDeps) {
  const {
    postgres,
    sealer,
    clock,
    mailTokens,
    enqueueMail,
    endSessions,
    record,
    sendReset,
    issuer
  } = deps

  /** Mails a link and a code to whoever owns the address, if anybody does; the older ones stop to work. */
  async function mailReset(email: EmailAddress, origin: RequestOrigin): Promise<void> {
    await postgres.hotTransaction(async (tx) => {
      const user = await findOwner(tx, sealer.emailIndex(email.canonical))
      if (user === null) return
      await sendReset(tx, { userId: user.id, ...recipient(user) }, 'reset-password', origin)
    })
  }

  /** Spends a reset token: the new password and the end of every session are one fact. */
  async function reset(
    presented: PresentedMailToken,
    passwordHash: string,
    origin: RequestOrigin
  ): Promise<Replaced | null> {
    return postgres.transaction(async (tx) => {
      await mailTokens.holdOwner(tx, 'reset_password', presented)
      const spent = await mailTokens.consume(tx, 'reset_password', presented)
      if (spent === null || spent.userId === null) return null
      const userId = spent.userId
      const now = clock.now()
      // A mail that went to an address which was left since resets nothing any more.
      const [user] = await tx.user.updateManyAndReturn({
        where: { id: userId, ...sealer.addressIndexOf(spent).where },
        data: { passwordHash, mustReset: false, updatedAt: now }
      })
      if (user === undefined) return null
      // The mail proved the address too.
      if (user.emailVerifiedAt === null) {
        await tx.user.update({ where: { id: userId }, data: { emailVerifiedAt: now } })
      }
      await mailTokens.killPending(tx, userId)
      await tx.knownDevice.deleteMany({ where: { userId } })
      const ended = await endSessions(tx, { userId }, 'password_reset', { origin })
      await record(tx, { type: 'password.reset', origin, userId })
      await notify(tx, user)
      return { userId, ended }
    })
  }

  /**
   * Replaces the password that was just proven, unless it changed meanwhile. The other sessions end, and
   * other browsers than `device` are known no longer: a thief may have logged in there.
   */
  async function change(
    proven: { userId: string; passwordHash: string; sessionId: string; device: Buffer | null },
    newHash: string,
    origin: RequestOrigin
  ): Promise<Replaced | null> {
    const { userId, passwordHash, sessionId } = proven
    return postgres.transaction(async (tx) => {
      const changed = await tx.user.updateManyAndReturn({
        where: { id: userId, passwordHash, status: 'active', mustReset: false },
        data: { passwordHash: newHash, updatedAt: clock.now() }
      })
      const [user] = changed
      if (user === undefined) return null
      await mailTokens.killPending(tx, userId)
      const kept = proven.device && { NOT: { nonceHash: new Uint8Array(proven.device) } }
      await tx.knownDevice.deleteMany({ where: { userId, ...kept } })
      const target = { userId, exceptId: sessionId }
      const ended = await endSessions(tx, target, 'password_changed', { origin })
      await record(tx, { type: 'password.changed', origin, userId, sessionId })
      await notify(tx, user)
      return { userId, ended }
    })
  }

  async function notify(tx: Transaction, user: UserRow): Promise<void> {
    const data = { issuer, resetLink: `${issuer}/forgot-password` }
    await enqueueMail(
      tx,
      { template: 'password-changed', data, ...recipient(user) },
      NOTICE_SECONDS,
      user.id
    )
  }

  function recipient({ id, emailSealed, locale }: Omit<AddressOwner, 'emailVerifiedAt'>) {
    return { to: sealer.open(emailSealed, userPlace(id, 'email_sealed')), locale }
  }

  return { mailReset, reset, change }
}
