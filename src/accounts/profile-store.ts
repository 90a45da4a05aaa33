import type { RequestOrigin } from '../audit/events.ts'
import type { Transaction } from '../platform/postgres.ts'
import { eraseTraces } from './erase-traces-store.ts'
import type { AccountStoreDeps } from './store-deps.ts'
import { giveUpUsernames } from './username-claim-store.ts'
import { claimUsername } from './username-store.ts'
import { userPlace, type User } from './user.ts'

/** What a person may change of themselves; null clears, undefined leaves. */
export type ProfileChange = {
  name?: string | null
  surname?: string | null
  phoneNumber?: string | null
  locale?: string | null
  username?: string | null
}

/** Why somebody may be erased: their password was shown, or an administrator (null: an operator) asks. */
export type ErasureWarrant =
  { provenHash: string; actorId?: undefined } | { provenHash?: undefined; actorId: string | null }

const NOTICE_SECONDS = 24 * 3_600

export type ProfileStore = ReturnType<typeof createProfileStore>

export type ProfileStoreDeps = Omit<AccountStoreDeps, 'mailTokens' | 'takeMailSlot'>

export function createProfileStore(deps: ProfileStoreDeps) {
  const { postgres, sealer, clock, endSessions, enqueueMail, record, issuer } = deps

  /** The row is held first: whoever is erased at that moment is `gone`. */
  async function update(
    user: User,
    change: ProfileChange,
    origin: RequestOrigin
  ): Promise<'updated' | 'username_taken' | 'gone'> {
    const { username, phoneNumber, ...plain } = change
    const { id } = user
    return postgres.transaction(async (tx) => {
      if (!(await hold(tx, id, null))) return 'gone'
      if (username !== undefined && username !== user.username) {
        if (!(await moveUsername(tx, user, username))) return 'username_taken'
      }
      await tx.user.update({
        where: { id },
        data: { ...plain, ...phoneColumns(id, phoneNumber), updatedAt: clock.now() }
      })
      await record(tx, {
        type: 'profile.changed',
        origin,
        userId: id,
        details: { fields: Object.keys(change).join(' ') }
      })
      return 'updated'
    })
  }

  /** Claims the new name before the old one is given back. */
  async function moveUsername(
    tx: Transaction,
    user: User,
    username: string | null
  ): Promise<boolean> {
    if (username !== null) {
      if (!(await claimUsername(tx, { username, holderId: user.id, seconds: 1 }))) return false
      await tx.username.update({ where: { username }, data: { expiresAt: null } })
    }
    await tx.user.update({ where: { id: user.id }, data: { username } })
    await giveUpUsernames(tx, user.id, username)
    return true
  }

  function phoneColumns(id: string, phoneNumber: string | null | undefined) {
    if (phoneNumber === undefined) return {}
    if (phoneNumber === null) return { phoneIndex: null, phoneSealed: null }
    const phoneSealed = sealer.seal(phoneNumber, userPlace(id, 'phone_sealed'))
    return { phoneIndex: sealer.phoneIndex(phoneNumber), phoneSealed }
  }

  /**
   * Erases a person: everything sealed goes, the audit trail keeps the bare id. Postgres destroys the key
   * of their addresses in the trail with the row of the user, whoever deletes that. While an e-mail change
   * may still be undone, it might be a thief who asks: not then.
   * Their row is locked before all else: no login begins meanwhile.
   * @param warrant the hash that the person's password matched, which must stand for it still, or the
   *   administrator who does it
   */
  async function erase(
    user: User,
    origin: RequestOrigin,
    { provenHash, actorId }: ErasureWarrant
  ): Promise<
    { kind: 'erased'; revokedAt: Date } | { kind: 'not_yet' } | { kind: 'gone or changed' }
  > {
    return postgres.transaction(async (tx) => {
      if (!(await hold(tx, user.id, provenHash ?? null))) return { kind: 'gone or changed' }
      const revokedAt = clock.now()
      const undoable = await tx.reservedEmail.count({
        where: { userId: user.id, expiresAt: { gt: revokedAt } }
      })
      if (undoable > 0) return { kind: 'not_yet' }
      const by = { origin, ...(typeof actorId === 'string' && { actorId }) }
      const ended = await endSessions(tx, { userId: user.id }, 'account_erased', by)
      // The rows go with the person, and a pairwise token does not name them: each session is told by itself.
      const gone = [
        { kind: 'user' as const, subject: user.id },
        ...ended.map(({ kind, subject }) => ({ kind, subject }))
      ]
      await tx.revocation.createMany({
        data: gone.map((entry) => ({ ...entry, id: crypto.randomUUID(), revokedAt }))
      })
      await eraseTraces(tx, sealer, user.id)
      await tx.user.delete({ where: { id: user.id } })
      await record(tx, { type: 'account.erased', ...by, userId: user.id })
      const { email: to, locale } = user
      await enqueueMail(
        tx,
        { template: 'account-erased', to, locale, data: { issuer } },
        NOTICE_SECONDS
      )
      return { kind: 'erased', revokedAt }
    })
  }

  async function hold(tx: Transaction, id: string, provenHash: string | null): Promise<boolean> {
    const [person] = await tx.$queryRaw<{ id: string }[]>`
      SELECT id FROM users
       WHERE id = ${id}::uuid
         AND (${provenHash}::text IS NULL
              OR (password_hash = ${provenHash} AND status = 'active' AND NOT must_reset))
         FOR UPDATE`
    return person !== undefined
  }

  return { update, erase }
}

/** Where an address that was changed away from stands sealed. */
export const reservedPlace = (emailIndex: Uint8Array) => ({
  table: 'reserved_email',
  column: 'email_sealed',
  row: Buffer.from(emailIndex).toString('hex')
})
