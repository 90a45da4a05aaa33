import type { RequestOrigin } from '../audit/events.ts'
import { sha256 } from '../lib/secrets.ts'
import type { Clock } from '../platform/clock.ts'
import type { Sealer } from '../platform/keys/sealer.ts'
import type { Connection, Postgres } from '../platform/postgres.ts'
import {
  addressPlace,
  type BeginSession,
  type BegunSession,
  type LoginProof,
  type NewSession
} from './begin-session.ts'
import type { EndedSession, EndSessions, EndTarget } from './end-sessions.ts'
import type { RefreshClaim } from './refresh-token.ts'
import type { EndReason } from './session.ts'

export type SessionStore = ReturnType<typeof createSessionStore>

export type SessionStoreDeps = {
  postgres: Postgres
  sealer: Sealer
  clock: Clock
  endSessions: EndSessions
  beginSession: BeginSession
  killPendingChanges: (tx: Connection, userId: string) => Promise<void>
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

/** A session that somebody holds the secret of. */
export type ClaimedSession = {
  id: string
  userId: string
  scope: string
  audience: string[]
  generation: number
  expiresAt: Date
  idleExpiresAt: Date
}

export function createSessionStore(deps: SessionStoreDeps) {
  const { postgres, sealer, clock, endSessions, beginSession, killPendingChanges } = deps

  /** Begins a session. @returns null when the person was disabled or erased, or the password replaced, since it was checked */
  async function create(
    session: NewSession,
    proof: LoginProof,
    origin: RequestOrigin
  ): Promise<BegunSession | null> {
    return postgres.transaction((tx) => beginSession(tx, session, proof, origin))
  }

  /** Ends sessions; may be repeated. @returns what to announce */
  async function revoke(
    target: EndTarget,
    reason: EndReason,
    origin: RequestOrigin
  ): Promise<EndedSession[]> {
    return postgres.transaction((tx) => endSessions(tx, target, reason, { origin }))
  }

  /** Ends all sessions of a person, and with them what one of them may have asked for. */
  async function revokeAll(
    userId: string,
    reason: EndReason,
    origin: RequestOrigin
  ): Promise<EndedSession[]> {
    return postgres.transaction(async (tx) => {
      await killPendingChanges(tx, userId)
      return endSessions(tx, { userId }, reason, { origin })
    })
  }

  /** The owner of a live session, for whoever holds its secret; any generation will do. */
  async function findByClaim(
    claim: RefreshClaim,
    clientId: string
  ): Promise<ClaimedSession | null> {
    return postgres.read((db) =>
      db.session.findFirst({
        where: {
          id: claim.sessionId,
          secretHash: new Uint8Array(sha256(claim.secret)),
          clientId,
          revokedAt: null
        },
        select: {
          id: true,
          userId: true,
          scope: true,
          audience: true,
          generation: true,
          expiresAt: true,
          idleExpiresAt: true
        }
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
      const address = addressSealed === null ? null : sealer.open(addressSealed, addressPlace(id))
      return { id, clientId, device, createdAt, lastUsedAt, expiresAt, address }
    })
  }

  /** Whether a session lives, for the doors that ask Postgres each time. */
  async function isAlive(id: string): Promise<boolean> {
    const now = clock.now()
    const live = { id, revokedAt: null, expiresAt: { gt: now } }
    return (await postgres.read((db) => db.session.count({ where: live }))) > 0
  }

  return { create, revoke, revokeAll, findByClaim, findLive, isAlive }
}
