import { v7 as uuidv7 } from 'uuid'
import type { RequestOrigin } from '../audit/events.ts'
import type { Audit } from '../audit/record.ts'
import { sha256 } from '../lib/secrets.ts'
import type { Clock } from '../platform/clock.ts'
import type { Sealer } from '../platform/keys/sealer.ts'
import type { Postgres } from '../platform/postgres.ts'
import type { RefreshClaim } from './refresh-token.ts'
import type { EndReason, LiveSession } from './session.ts'

export type SessionStore = ReturnType<typeof createSessionStore>

export type SessionStoreDeps = {
  postgres: Postgres
  sealer: Sealer
  clock: Clock
  record: Audit
  idleSeconds: number
  absoluteSeconds: number
}

export type NewSession = {
  userId: string
  clientId: string
  scope: string
  secret: Buffer
  delivery: 'body' | 'cookie'
  amr: string[]
  device: string | null
}

/** Sessions to end: one, all of a person, or all of a person but one. */
export type EndTarget = { sessionId: string } | { userId: string; exceptId?: string }

export type EndedSession = { id: string; revokedAt: Date }

export function createSessionStore(deps: SessionStoreDeps) {
  const { postgres, sealer, clock, record, idleSeconds, absoluteSeconds } = deps

  /** Begins a session. @returns null when the person was disabled or erased since the password was checked */
  async function create(session: NewSession, origin: RequestOrigin): Promise<LiveSession | null> {
    const { secret, ...columns } = session
    const now = clock.now()
    const id = uuidv7({ msecs: now.getTime() })
    const place = { table: 'session', column: 'address_sealed', row: id }
    const times = { createdAt: now, rotatedAt: now, lastUsedAt: now, authTime: now }
    const expiresAt = new Date(now.getTime() + absoluteSeconds * 1_000)
    const idleExpiresAt = new Date(now.getTime() + Math.min(idleSeconds, absoluteSeconds) * 1_000)
    return postgres.transaction(async (tx) => {
      const [person] = await tx.$queryRaw<{ id: string }[]>`
        SELECT id FROM users WHERE id = ${session.userId}::uuid AND status = 'active' FOR KEY SHARE`
      if (person === undefined) return null
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
      const { roles, emailSealed, emailVerifiedAt, name, username } = row.user
      return { ...row, roles, emailSealed, emailVerifiedAt, name, username }
    })
  }

  /**
   * Ends sessions; may be repeated.
   * @returns those that lived until now, with the moment from which their tokens are refused
   */
  async function revoke(
    target: EndTarget,
    reason: EndReason,
    origin: RequestOrigin
  ): Promise<EndedSession[]> {
    return postgres.transaction(async (tx) => {
      const where =
        'sessionId' in target
          ? { id: target.sessionId }
          : {
              userId: target.userId,
              ...(target.exceptId !== undefined && { id: { not: target.exceptId } })
            }
      const ended = await tx.session.updateManyAndReturn({
        where: { ...where, revokedAt: null },
        data: { revokedAt: clock.now(), revokeReason: reason },
        select: { id: true, userId: true, clientId: true, revokedAt: true }
      })
      for (const { id, userId, clientId } of ended) {
        await record(tx, { type: 'session.ended', origin, userId, sessionId: id, clientId })
      }
      return ended.map(({ id, revokedAt }) => ({ id, revokedAt: revokedAt ?? clock.now() }))
    })
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

  /** Whether a session lives, for the doors that ask Postgres each time. */
  async function isAlive(id: string): Promise<boolean> {
    const now = clock.now()
    const live = { id, revokedAt: null, expiresAt: { gt: now } }
    return (await postgres.read((db) => db.session.count({ where: live }))) > 0
  }

  /** A failed login names nobody: the audit trail keeps when and from where. */
  async function recordFailure(origin: RequestOrigin): Promise<void> {
    await postgres.transaction((tx) => record(tx, { type: 'login.failed', origin }))
  }

  return { create, revoke, findByClaim, isAlive, recordFailure }
}
