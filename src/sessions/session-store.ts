import { userPlace } from '../accounts/user.ts'
import { v7 as uuidv7 } from 'uuid'
import type { RequestOrigin } from '../audit/events.ts'
import type { Audit } from '../audit/record.ts'
import { sha256 } from '../lib/secrets.ts'
import type { MailCap } from '../mail/mail-cap.ts'
import type { EnqueueMail } from '../mail/outbox.ts'
import type { Clock } from '../platform/clock.ts'
import type { Sealer } from '../platform/keys/sealer.ts'
import type { User as UserRow } from '../platform/prisma/client.ts'
import type { Postgres, Transaction } from '../platform/postgres.ts'
import type { EndedSession, EndSessions, EndTarget } from './end-sessions.ts'
import type { RefreshClaim } from './refresh-token.ts'
import type { Delivery, EndReason, LiveSession } from './session.ts'

export type SessionStore = ReturnType<typeof createSessionStore>

export type SessionStoreDeps = {
  postgres: Postgres
  sealer: Sealer
  clock: Clock
  record: Audit
  endSessions: EndSessions
  takeMailSlot: MailCap
  enqueueMail: EnqueueMail
  issuer: string
  idleSeconds: number
  absoluteSeconds: number
}

const MAIL_SECONDS = 24 * 3_600

export type NewSession = {
  userId: string
  clientId: string
  scope: string
  secret: Buffer
  delivery: Delivery
  amr: string[]
  device: string | null
}

/** How many sessions a list shows. */
const LISTED = 200

/** A session as its owner sees it. */
export type SessionEntry = {
  id: string
  clientId: string
  device: string | null
  address: string | null
  createdAt: Date
  lastUsedAt: Date
  expiresAt: Date
}

export function createSessionStore(deps: SessionStoreDeps) {
  const { postgres, sealer, clock, record, endSessions, takeMailSlot, enqueueMail, issuer } = deps
  const { idleSeconds, absoluteSeconds } = deps

  /** Begins a session. @returns null when the person was disabled or erased, or the password replaced, since it was checked */
  async function create(
    session: NewSession,
    { isKnownDevice, passwordHash }: { isKnownDevice: boolean; passwordHash: string },
    origin: RequestOrigin
  ): Promise<LiveSession | null> {
    const { secret, ...columns } = session
    const now = clock.now()
    const id = uuidv7({ msecs: now.getTime() })
    const place = { table: 'session', column: 'address_sealed', row: id }
    const times = { createdAt: now, rotatedAt: now, lastUsedAt: now, authTime: now }
    const expiresAt = new Date(now.getTime() + absoluteSeconds * 1_000)
    const idleExpiresAt = new Date(now.getTime() + Math.min(idleSeconds, absoluteSeconds) * 1_000)
    return postgres.transaction(async (tx) => {
      const [person] = await tx.$queryRaw<{ id: string }[]>`
        SELECT id FROM users WHERE id = ${session.userId}::uuid AND status = 'active' AND NOT must_reset
           AND password_hash = ${passwordHash} FOR SHARE`
      if (person === undefined) return null
      const isNewDevice = !isKnownDevice && (await isUnseen(tx, session))
      const row = await tx.session.create({
        data: {
          ...columns,
          ...times,
          id,
          secretHash: new Uint8Array(sha256(secret)),
          expiresAt,
          idleExpiresAt,
          addressSealed: sealer.seal(origin.address, place)
        },
        include: { user: true }
      })
      const { userId, clientId } = session
      await record(tx, { type: 'login.succeeded', origin, userId, sessionId: id, clientId })
      if (isNewDevice) await tellNewDevice(tx, row)
      const { roles, emailSealed, emailVerifiedAt, name, username } = row.user
      return { ...row, roles, emailSealed, emailVerifiedAt, name, username }
    })
  }

  /** Whether the person has logged in before, but never on something of this name. */
  async function isUnseen(tx: Transaction, { userId, device }: NewSession): Promise<boolean> {
    const [seen] = await tx.$queryRaw<[{ any: boolean; same: boolean }]>`
      SELECT count(*) > 0 AS any, coalesce(bool_or(device IS NOT DISTINCT FROM ${device}), false) AS same
        FROM session WHERE user_id = ${userId}::uuid`
    return seen.any && !seen.same
  }

  async function tellNewDevice(
    tx: Transaction,
    { device, createdAt, user }: { device: string | null; createdAt: Date; user: UserRow }
  ): Promise<void> {
    const place = userPlace(user.id, 'email_sealed')
    const to = sealer.open(user.emailSealed, place)
    if (!(await takeMailSlot(tx, 'new-device', to))) return
    const at = `${createdAt.toISOString().slice(0, 16).replace('T', ' ')} UTC`
    const data = {
      issuer,
      device,
      at,
      resetLink: `${issuer}/forgot-password`
    }
    await enqueueMail(tx, { template: 'new-device', to, locale: user.locale, data }, MAIL_SECONDS)
  }

  /** Ends sessions; may be repeated. @returns what to announce */
  async function revoke(
    target: EndTarget,
    reason: EndReason,
    origin: RequestOrigin
  ): Promise<EndedSession[]> {
    return postgres.transaction((tx) => endSessions(tx, target, reason, { origin }))
  }

  /** The owner of a live session, for whoever holds its secret; any generation will do. */
  async function findByClaim(
    claim: RefreshClaim,
    clientId: string
  ): Promise<{ id: string; userId: string; generation: number } | null> {
    return postgres.read((db) =>
      db.session.findFirst({
        where: {
          id: claim.sessionId,
          secretHash: new Uint8Array(sha256(claim.secret)),
          clientId,
          revokedAt: null
        },
        select: { id: true, userId: true, generation: true }
      })
    )
  }

  /** The live sessions of a person, the last used first. */
  async function findLive(userId: string): Promise<SessionEntry[]> {
    const now = clock.now()
    const rows = await postgres.read((db) =>
      db.session.findMany({
        where: { userId, revokedAt: null, expiresAt: { gt: now }, idleExpiresAt: { gt: now } },
        orderBy: { lastUsedAt: 'desc' },
        take: LISTED
      })
    )
    return rows.map(({ id, clientId, device, createdAt, lastUsedAt, expiresAt, addressSealed }) => {
      const place = { table: 'session', column: 'address_sealed', row: id }
      const address = addressSealed === null ? null : sealer.open(addressSealed, place)
      return { id, clientId, device, createdAt, lastUsedAt, expiresAt, address }
    })
  }

  /** Whether a session lives, for the doors that ask Postgres each time. */
  async function isAlive(id: string): Promise<boolean> {
    const now = clock.now()
    const live = { id, revokedAt: null, expiresAt: { gt: now } }
    return (await postgres.read((db) => db.session.count({ where: live }))) > 0
  }

  /**
   * A failed login names nobody: the audit trail keeps when and from where. After the right password it
   * names the person, and why they did not get in.
   */
  async function recordFailure(
    origin: RequestOrigin,
    proven?: { userId: string; reason: string }
  ): Promise<void> {
    const who = proven && { userId: proven.userId, details: { reason: proven.reason } }
    await postgres.transaction((tx) => record(tx, { type: 'login.failed', origin, ...who }))
  }

  return { create, revoke, findByClaim, findLive, isAlive, recordFailure }
}
