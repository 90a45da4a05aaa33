import { v7 as uuidv7 } from 'uuid'
import { userPlace } from '../accounts/user.ts'
import type { RequestOrigin } from '../audit/events.ts'
import type { Audit } from '../audit/record.ts'
import { sha256 } from '../lib/secrets.ts'
import { utcMinute } from '../lib/utc-text.ts'
import type { MailCap } from '../mail/mail-cap.ts'
import type { EnqueueMail } from '../mail/outbox.ts'
import type { Clock } from '../platform/clock.ts'
import type { Sealer } from '../platform/keys/sealer.ts'
import type { Transaction } from '../platform/postgres.ts'
import type { EndedSession } from './end-sessions.ts'
import type { MakeRoom } from './session-limit.ts'
import type { LiveSession, SessionDelivery } from './session.ts'

export type NewSession = {
  userId: string
  clientId: string
  scope: string
  secret: Buffer
  delivery: SessionDelivery
  amr: string[]
  device: string | null
}

/** What was shown for a new session: the hash that the password matched, and whether the browser is an old one. */
export type LoginProof = { isKnownDevice: boolean; passwordHash: string }

export type BeginSession = ReturnType<typeof createSessionBeginner>

export type SessionBeginnerDeps = {
  sealer: Sealer
  clock: Clock
  record: Audit
  takeMailSlot: MailCap
  enqueueMail: EnqueueMail
  issuer: string
  idleSeconds: number
  absoluteSeconds: number
  makeRoom: MakeRoom
}

/** A session, and those that made room for it: to be announced after the commit. */
export type BegunSession = { session: LiveSession; ended: EndedSession[] }

type NewSessionRow = {
  device: string | null
  createdAt: Date
  user: { id: string; emailSealed: Uint8Array; locale: string | null }
}

const MAIL_SECONDS = 24 * 3_600

/** Begins sessions within a transaction: the row, its audit event and the owner's mail are one fact. */
export function createSessionBeginner(deps: SessionBeginnerDeps) {
  const { sealer, clock, record, takeMailSlot, enqueueMail, issuer } = deps
  const { idleSeconds, absoluteSeconds, makeRoom } = deps

  /**
   * The least recently used sessions make room for it.
   * @returns null when the person was disabled or erased, or the password replaced, since it was checked
   */
  return async function beginSession(
    tx: Transaction,
    session: NewSession,
    { isKnownDevice, passwordHash }: LoginProof,
    origin: RequestOrigin
  ): Promise<BegunSession | null> {
    const { secret, ...columns } = session
    if (!(await holdsStill(tx, session.userId, passwordHash))) return null
    const ended = await makeRoom(tx, session.userId, origin)
    const now = clock.now()
    const id = uuidv7({ msecs: now.getTime() })
    const isNewDevice = !isKnownDevice && (await isUnseen(tx, session))
    const row = await tx.session.create({
      data: {
        ...columns,
        ...lifetimes(now, { idleSeconds, absoluteSeconds }),
        id,
        createdAt: now,
        secretHash: new Uint8Array(sha256(secret)),
        addressSealed: sealer.seal(origin.address, addressPlace(id))
      },
      include: { user: true }
    })
    const { userId, clientId } = session
    await record(tx, { type: 'login.succeeded', origin, userId, sessionId: id, clientId })
    if (isNewDevice) await tellNewDevice(tx, row)
    const { roles, emailSealed, emailVerifiedAt, name, username } = row.user
    const begun = { ...row, roles, emailSealed, emailVerifiedAt, name, username }
    return { session: begun, ended }
  }

  /**
   * Whether the person has logged in before, but never on something of this name. The trail remembers
   * logins whose sessions were purged: whoever comes back after months is told too. What a new password ended
   * may have been a thief's, and counts for nothing.
   */
  async function isUnseen(tx: Transaction, { userId, device }: NewSession): Promise<boolean> {
    const [seen] = await tx.$queryRaw<[{ any: boolean; same: boolean }]>`
      SELECT EXISTS (SELECT FROM audit_event
                      WHERE user_id = ${userId}::uuid AND type = 'login.succeeded') AS any,
             EXISTS (SELECT FROM session
                      WHERE user_id = ${userId}::uuid AND device IS NOT DISTINCT FROM ${device}
                        AND coalesce(revoke_reason, '') NOT IN ('password_changed', 'password_reset')) AS same`
    return seen.any && !seen.same
  }

  async function tellNewDevice(
    tx: Transaction,
    { device, createdAt, user }: NewSessionRow
  ): Promise<void> {
    const place = userPlace(user.id, 'email_sealed')
    const to = sealer.open(user.emailSealed, place)
    if (!(await takeMailSlot(tx, 'new-device', to))) return
    const at = `${utcMinute(createdAt)} UTC`
    const data = {
      issuer,
      device,
      at,
      resetLink: `${issuer}/forgot-password`
    }
    await enqueueMail(
      tx,
      { template: 'new-device', to, locale: user.locale, data },
      MAIL_SECONDS,
      user.id
    )
  }
}

/**
 * Whether a password that was checked before still opens the account; held until the transaction ends.
 * Logins of one person take turns here: each must see the sessions that the others began.
 */
export async function holdsStill(
  tx: Transaction,
  userId: string,
  passwordHash: string
): Promise<boolean> {
  const [person] = await tx.$queryRaw<{ id: string }[]>`
    SELECT id FROM users WHERE id = ${userId}::uuid AND status = 'active' AND NOT must_reset
       AND password_hash = ${passwordHash} FOR NO KEY UPDATE`
  return person !== undefined
}

/** The times of a session that begins, or of one that begins anew by another login. */
export function lifetimes(
  now: Date,
  { idleSeconds, absoluteSeconds }: { idleSeconds: number; absoluteSeconds: number }
) {
  return {
    rotatedAt: now,
    lastUsedAt: now,
    authTime: now,
    expiresAt: new Date(now.getTime() + absoluteSeconds * 1_000),
    idleExpiresAt: new Date(now.getTime() + Math.min(idleSeconds, absoluteSeconds) * 1_000)
  }
}

/** Where a session's address stands sealed. */
export const addressPlace = (id: string) => ({
  table: 'session',
  column: 'address_sealed',
  row: id
})
