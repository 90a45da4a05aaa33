import { v7 as uuidv7 } from 'uuid'
import { clearLane } from '../abuse/clear-lane.ts'
import type { RequestOrigin } from '../audit/events.ts'
import {
  createToldEventComposer,
  insertEvents,
  insertFirstEvents,
  sealedKeyOf
} from '../audit/event-row.ts'
import type { Audit } from '../audit/record.ts'
import { sha256 } from '../lib/secrets.ts'
import type { Clock } from '../platform/clock.ts'
import type { Sealer } from '../platform/keys/sealer.ts'
import type { Connection } from '../platform/postgres.ts'
import type { EndedSession, EndSessions } from './end-sessions.ts'
import { addressPlace, FORMER_LOGINS, type FormerLogins, type NewDevices } from './new-device.ts'
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
  newDevices: NewDevices
  idleSeconds: number
  absoluteSeconds: number
  endSessions: EndSessions
  /** How many sessions a person keeps. */
  sessionsPerUser: number
}

/** A session, and those that made room for it: to be announced after the commit. */
export type BegunSession = { session: LiveSession; ended: EndedSession[] }

/** A person whose row is held until the transaction ends. */
export type HeldPerson = Pick<
  LiveSession,
  'roles' | 'emailSealed' | 'emailVerifiedAt' | 'name' | 'username'
> & {
  id: string
  locale: string | null
  /** As {@link sealedKeyOf} reads it. */
  sealedKey: Uint8Array | null
}

type Before = FormerLogins & { surplus: string[]; isTold: boolean }

const HOLD = {
  name: 'session_hold_person',
  text: `
    SELECT id, roles, email_sealed AS "emailSealed", email_verified_at AS "emailVerifiedAt", name,
           username, locale, ${sealedKeyOf('users.id')} AS "sealedKey"
      FROM users
     WHERE id = $1::uuid AND status = 'active' AND NOT must_reset AND password_hash = $2
       FOR NO KEY UPDATE`
}

/**
 * The row and its event, and what there was before it: which sessions are too many now, the least recently used of
 * those that were made from no other; and whether the person has logged in on such a thing before.
 */
const begin = (name: string, tell: string) => ({
  name,
  text: `
    WITH begun AS (
      INSERT INTO session (id, user_id, client_id, secret_hash, scope, delivery, amr, device,
                           address_sealed, created_at, rotated_at, last_used_at, auth_time,
                           expires_at, idle_expires_at)
      VALUES ($1::uuid, $2::uuid, $3, $4, $5, $6::session_delivery, $7::text[], $8::text, $9, $10, $10,
              $10, $10, $11, $12)
    ), surplus AS (
      SELECT id FROM session
       WHERE user_id = $2::uuid AND parent_id IS NULL AND revoked_at IS NULL
         AND expires_at > $10 AND idle_expires_at > $10
       ORDER BY last_used_at DESC, id DESC OFFSET $13::int
    ), ${FORMER_LOGINS.ctes}, cleared AS (${clearLane('$15')}), ${tell}
    SELECT array(SELECT id FROM surplus) AS surplus, EXISTS (SELECT FROM told) AS "isTold",
           ${FORMER_LOGINS.columns}`
})
const BEGIN = begin('session_begin', `told AS (${insertEvents('$16')})`)
/** The first event of somebody who was imported, with their key. */
const BEGIN_FIRST = begin('session_begin_first', insertFirstEvents('$16', '$17', '$18'))

/** Begins sessions within a transaction: the row, its audit event and the owner's mail are one fact. */
export function createSessionBeginner(deps: SessionBeginnerDeps) {
  const { sealer, clock, record, newDevices } = deps
  const { idleSeconds, absoluteSeconds, endSessions, sessionsPerUser } = deps
  const composeEvent = createToldEventComposer({ sealer, clock })

  /**
   * The least recently used sessions of a person make room for it; grants made from them do not count, and
   * end with theirs.
   * @param person held in this transaction: logins at once must see each other's sessions
   * @param lane of guesses, to be cleared with it
   */
  return async function beginSession(
    tx: Connection,
    person: HeldPerson,
    { secret, ...session }: NewSession,
    isKnownDevice: boolean,
    origin: RequestOrigin,
    lane: Buffer | null = null
  ): Promise<BegunSession> {
    const now = clock.now()
    const id = uuidv7({ msecs: now.getTime() })
    const times = lifetimes(now, { idleSeconds, absoluteSeconds })
    const { id: userId, locale, sealedKey, ...known } = person
    const { clientId, scope, delivery, amr, device } = session
    const event = { type: 'login.succeeded', origin, userId, sessionId: id, clientId } as const
    const { rows, added } = composeEvent(event, sealedKey)
    const [before] = await tx.query<Before>(added === null ? BEGIN : BEGIN_FIRST, [
      id,
      userId,
      clientId,
      sha256(secret),
      scope,
      delivery,
      amr,
      device,
      sealer.seal(origin.address, addressPlace(id)),
      now,
      times.expiresAt,
      times.idleExpiresAt,
      sessionsPerUser - 1,
      isKnownDevice,
      lane,
      rows,
      ...(added === null ? [] : [added.userIds, added.sealedKeys])
    ])
    if (before === undefined) throw new Error('A session that begins gives a row.')
    const { surplus: only, isTold } = before
    // Somebody made them a key since it was read.
    if (!isTold) await record(tx, event)
    const ended =
      only.length === 0 ? [] : await endSessions(tx, { userId, only }, 'session_limit', { origin })
    if (newDevices.isNew(before, origin.address)) {
      await newDevices.tell(tx, person, { device, origin, now })
    }
    const fresh = { generation: 0, audience: [], dpopJkt: null }
    return { session: { id, userId, clientId, scope, amr, ...fresh, ...times, ...known }, ended }
  }
}

/**
 * Somebody whose account a password that was checked before still opens; held until the transaction ends.
 * Logins of one person take turns here: each must see the sessions that the others began.
 * @returns null when they were disabled or erased, or the password replaced, since it was checked
 */
export async function holdPerson(
  tx: Connection,
  userId: string,
  passwordHash: string
): Promise<HeldPerson | null> {
  const [person] = await tx.query<HeldPerson>(HOLD, [userId, passwordHash])
  return person ?? null
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
