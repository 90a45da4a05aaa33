import type { RequestOrigin } from '../audit/events.ts'
import type { EmailAddress } from '../lib/email-address.ts'
import type { AddressIndex } from '../platform/keys/address-index.ts'
import type { Transaction } from '../platform/postgres.ts'
import type { EndedSession } from '../sessions/end-sessions.ts'
import type { PresentedMailToken } from './mail-token-store.ts'
import { holdPerson } from '../sessions/begin-session.ts'
import { reservedPlace } from './profile-store.ts'
import type { AccountStoreDeps } from './store-deps.ts'
import { isSomebodys } from './taken-address-store.ts'
import { userPlace, type User } from './user.ts'

const CONFIRM_SECONDS = 24 * 3_600
const UNDO_SECONDS = 72 * 3_600

export type EmailChangeStore = ReturnType<typeof createEmailChangeStore>

export type EmailChangeStoreDeps = AccountStoreDeps

export function createEmailChangeStore(deps: EmailChangeStoreDeps) {
  const {
    postgres,
    sealer,
    clock,
    mailTokens,
    takeMailSlot,
    enqueueMail,
    endSessions,
    record,
    issuer
  } = deps

  /** Mails the new address; a taken one gets a notice instead, and whoever asked is not told. */
  async function request(
    user: User,
    provenHash: string,
    next: EmailAddress,
    origin: RequestOrigin
  ): Promise<'written' | 'not_yet' | 'password_changed'> {
    return postgres.transaction(async (tx) => {
      if (!(await holdPerson(tx, user.id, provenHash))) return 'password_changed'
      if (await isUndoable(tx, user.id)) return 'not_yet'
      await record(tx, { type: 'email.change_requested', origin, userId: user.id })
      const isTaken = await isSomebodys(tx, {
        emailIndex: sealer.emailIndex(next.canonical),
        now: clock.now(),
        exceptId: user.id
      })
      if (!(await takeMailSlot(tx, 'email-change', next.canonical))) return 'written'
      const { token, code } = await mailTokens.replace(tx, {
        purpose: 'change_email',
        canonicalEmail: next.canonical,
        ttlSeconds: CONFIRM_SECONDS,
        belongsTo: { userId: user.id },
        leadsTo: next.address
      })
      const recipient = { to: next.address, locale: user.locale }
      const link = `${issuer}/verify-email?token=${token}`
      const resetLink = `${issuer}/forgot-password`
      const data = { link, code, hours: CONFIRM_SECONDS / 3_600 }
      await enqueueMail(
        tx,
        isTaken
          ? { ...recipient, template: 'already-registered', data: { issuer, resetLink } }
          : { ...recipient, template: 'confirm-email-change', data },
        CONFIRM_SECONDS,
        user.id
      )
      return 'written'
    })
  }

  /**
   * The new address is proven: it becomes the person's. The old one stays reserved for 72 hours, and
   * gets a mail with which its owner can take everything back. Nothing happens to a person whom an
   * administrator has stopped since: a thief may have asked.
   */
  async function confirm(presented: PresentedMailToken, origin: RequestOrigin): Promise<boolean> {
    // Every link that does not hold comes here too: most are no token of this purpose, spent or not.
    const known = await mailTokens.findEmailIndex(postgres, 'change_email', presented)
    if (known === null) return false
    return postgres.transaction(async (tx) => {
      await mailTokens.holdOwner(tx, 'change_email', presented)
      const spent = await mailTokens.consume(tx, 'change_email', presented)
      if (spent === null || spent.userId === null) return false
      const { userId } = spent
      const emailIndex = sealer.addressIndexOf(spent)
      const address = mailTokens.openDestination(spent)
      if (await isSomebodys(tx, { emailIndex, now: clock.now(), exceptId: userId })) return false
      const old = await tx.user.findUnique({ where: { id: userId } })
      if (old === null || old.status !== 'active' || old.mustReset) return false
      if (await isUndoable(tx, userId)) return false
      const oldAddress = sealer.open(old.emailSealed, userPlace(userId, 'email_sealed'))
      const oldIndex = sealer.addressIndexOf(old)
      await reserve(tx, userId, oldIndex, oldAddress)
      await tx.reservedEmail.deleteMany({ where: emailIndex.where })
      await moveTo(tx, userId, emailIndex, address)
      await mailTokens.killPending(tx, userId)
      const undo = await mailTokens.replace(tx, {
        purpose: 'undo_email_change',
        canonicalEmail: oldAddress,
        emailIndex: oldIndex,
        ttlSeconds: UNDO_SECONDS,
        belongsTo: { userId },
        leadsTo: oldAddress
      })
      const link = `${issuer}/undo-email-change?token=${undo.token}`
      const mail = { template: 'email-changed', to: oldAddress, locale: old.locale } as const
      await enqueueMail(tx, { ...mail, data: { link, issuer, hours: 72 } }, UNDO_SECONDS, userId)
      await record(tx, { type: 'email.changed', origin, userId })
      return true
    })
  }

  /**
   * The old address takes everything back, whatever came after: it is the person's again, mail tokens
   * and sessions are dead, and the password has to be reset.
   */
  async function undo(
    presented: { token: string },
    origin: RequestOrigin
  ): Promise<{ ended: EndedSession[] } | null> {
    return postgres.transaction(async (tx) => {
      await mailTokens.holdOwner(tx, 'undo_email_change', presented)
      const spent = await mailTokens.consume(tx, 'undo_email_change', presented)
      if (spent === null || spent.userId === null) return null
      const { userId } = spent
      const emailIndex = sealer.addressIndexOf(spent)
      await tx.reservedEmail.deleteMany({ where: { userId } })
      await moveTo(tx, userId, emailIndex, mailTokens.openDestination(spent))
      await tx.user.update({ where: { id: userId }, data: { mustReset: true } })
      await tx.oneTimeToken.updateMany({
        where: { userId, spentAt: null },
        data: { spentAt: clock.now() }
      })
      await tx.knownDevice.deleteMany({ where: { userId } })
      const ended = await endSessions(tx, { userId }, 'email_change_undone', { origin })
      await record(tx, { type: 'email.change_undone', origin, userId })
      return { ended }
    })
  }

  async function moveTo(
    tx: Transaction,
    id: string,
    { columns }: AddressIndex,
    address: string
  ): Promise<void> {
    const now = clock.now()
    const emailSealed = sealer.seal(address, userPlace(id, 'email_sealed'))
    await tx.user.update({
      where: { id },
      data: { ...columns, emailSealed, emailVerifiedAt: now, updatedAt: now }
    })
  }

  async function reserve(
    tx: Transaction,
    userId: string,
    { columns, where }: AddressIndex,
    address: string
  ): Promise<void> {
    const expiresAt = new Date(clock.now().getTime() + UNDO_SECONDS * 1_000)
    const emailSealed = sealer.seal(address, reservedPlace(columns.emailIndex))
    await tx.reservedEmail.upsert({
      where,
      create: { ...columns, emailSealed, userId, expiresAt },
      update: { ...columns, emailSealed, userId, expiresAt }
    })
  }

  /** One change at a time: a chain of them would let a thief bury the owner's way back. */
  async function isUndoable(tx: Transaction, userId: string): Promise<boolean> {
    const kept = { userId, expiresAt: { gt: clock.now() } }
    return (await tx.reservedEmail.count({ where: kept })) > 0
  }

  return { request, confirm, undo }
}
