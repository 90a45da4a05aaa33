import { CLEAR_LANES } from '../abuse/clear-lanes.ts'
import type { RequestOrigin } from '../audit/events.ts'
import { sha256 } from '../lib/secrets.ts'
import type { Clock } from '../platform/clock.ts'
import type { Sealer } from '../platform/keys/sealer.ts'
import type { Connection, Postgres } from '../platform/postgres.ts'
import {
  type BeginSession,
  type BegunSession,
  type LoginProof,
  type NewSession
} from './begin-session.ts'
import type { EndedSession, EndSessions, EndTarget } from './end-sessions.ts'
import { addressPlace } from './new-device.ts'
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

type LiveRow = Omit<SessionEntry, 'address'> & { addressSealed: Uint8Array | null }

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

const FIND_CLAIMED = {
  name: 'session_find_claimed',
  text: `
    SELECT id, user_id AS "userId", scope, audience, generation, expires_at AS "expiresAt",
           idle_expires_at AS "idleExpiresAt"
      FROM session
     WHERE id = $1::uuid AND secret_hash = $2 AND client_id = $3 AND revoked_at IS NULL`
}

/** The earlier end, as one: an index of either would lead through everybody's sessions. */
const FIND_LIVE = {
  name: 'session_find_live',
  text: `
    SELECT id, client_id AS "clientId", device, created_at AS "createdAt", last_used_at AS "lastUsedAt",
           expires_at AS "expiresAt", address_sealed AS "addressSealed"
      FROM session
     WHERE user_id = $1::uuid AND revoked_at IS NULL AND least(expires_at, idle_expires_at) > $2
     ORDER BY last_used_at DESC LIMIT ${LISTED}`
}

const IS_ALIVE = {
  name: 'session_is_alive',
  text: 'SELECT 1 FROM session WHERE id = $1::uuid AND revoked_at IS NULL AND expires_at > $2'
}

export function createSessionStore(deps: SessionStoreDeps) {
  const { postgres, sealer, clock, endSessions, beginSession, killPendingChanges } = deps

  /**
   * Begins a session.
   * @param lane of guesses, to be cleared with it
   * @returns null when the person was disabled or erased, or the password replaced, since it was checked */
  async function create(
    session: NewSession,
    proof: LoginProof,
    origin: RequestOrigin,
    lane: Buffer | null = null
  ): Promise<BegunSession | null> {
    return postgres.hotTransaction(async (tx) => {
      const begun = await beginSession(tx, session, proof, origin)
      // At the end: another guess at it waits for the commit alone, and no journey.
      if (begun !== null && lane !== null) tx.atEnd(CLEAR_LANES, [[lane]])
      return begun
    })
  }

  /** Ends sessions; may be repeated. @returns what to announce */
  async function revoke(
    target: EndTarget,
    reason: EndReason,
    origin: RequestOrigin
  ): Promise<EndedSession[]> {
    return postgres.hotTransaction((tx) => endSessions(tx, target, reason, { origin }))
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
    const values = [claim.sessionId, sha256(claim.secret), clientId]
    const [session] = await postgres.query<ClaimedSession>(FIND_CLAIMED, values)
    return session ?? null
  }

  /** The live sessions of a person, the last used first. */
  async function findLive(userId: string): Promise<SessionEntry[]> {
    const rows = await postgres.query<LiveRow>(FIND_LIVE, [userId, clock.now()])
    return rows.map(({ addressSealed, ...row }) => ({
      ...row,
      address: addressSealed === null ? null : sealer.open(addressSealed, addressPlace(row.id))
    }))
  }

  /** Whether a session lives, for the doors that ask Postgres each time. */
  async function isAlive(id: string): Promise<boolean> {
    return (await postgres.query(IS_ALIVE, [id, clock.now()])).length > 0
  }

  return { create, revoke, revokeAll, findByClaim, findLive, isAlive }
}
