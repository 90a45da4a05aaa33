import type { RequestOrigin } from '../audit/events.ts'
import { createToldEventComposer, insertEvents, insertFirstEvents } from '../audit/event-row.ts'
import type { Audit } from '../audit/record.ts'
import { uuidv7At } from '../lib/random.ts'
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

/**
 * What was shown for a new session: the hash that the password matched, and whether the browser is an old one; and
 * the person's key as it was read beside the hash. Whoever is gone since begins no session.
 */
export type LoginProof = {
  isKnownDevice: boolean
  passwordHash: string
  sealedKey: Uint8Array | null
}

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
type HeldPerson = Pick<
  LiveSession,
  'roles' | 'emailSealed' | 'emailVerifiedAt' | 'name' | 'username'
> & { id: string; locale: string | null }

type Begun = HeldPerson & FormerLogins & { surplus: string[]; isTold: boolean }

/** Whom a password that was checked before still opens. */
const standing = (id: string, passwordHash: string) =>
  `id = ${id}::uuid AND status = 'active' AND NOT must_reset AND password_hash = ${passwordHash}`

const HOLD = {
  name: 'session_hold_person',
  text: `SELECT 1 FROM users WHERE ${standing('$1', '$2')} FOR NO KEY UPDATE`
}

/** Whatever they are: the next statement sees what whoever held them before has left. */
const TAKE_TURNS = {
  name: 'session_take_turns',
  text: 'SELECT 1 FROM users WHERE id = $1::uuid FOR NO KEY UPDATE'
}

/**
 * The row and its event, and what there was before it: which sessions are too many now, the least recently used of
 * those that were made from no other; and whether the person has logged in on such a thing before. No row, and
 * nothing written, where the person is not who they were. Of a session's two ends the earlier is asked as
 * one: an index of either would lead through everybody's sessions.
 */
const begin = (name: string, tell: string) => ({
  name,
  text: `
    WITH person AS (
      SELECT id, roles, email_sealed, email_verified_at, name, username, locale
        FROM users WHERE ${standing('$2', '$15')}
    ), begun AS (
      INSERT INTO session (id, user_id, client_id, secret_hash, scope, delivery, amr, device,
                           address_sealed, created_at, rotated_at, last_used_at, auth_time,
                           expires_at, idle_expires_at)
      SELECT $1::uuid, id, $3::text, $4::bytea, $5::text, $6::session_delivery, $7::text[], $8::text,
             $9::bytea, at, at, at, at, $11::timestamptz, $12::timestamptz
        FROM person, (SELECT $10::timestamptz AS at)
    ), surplus AS (
      SELECT id FROM session
       WHERE user_id = $2::uuid AND parent_id IS NULL AND revoked_at IS NULL
         AND least(expires_at, idle_expires_at) > $10
       ORDER BY last_used_at DESC, id DESC OFFSET $13::int
    ), ${FORMER_LOGINS.ctes}, ${tell}
    SELECT id, roles, email_sealed AS "emailSealed", email_verified_at AS "emailVerifiedAt", name,
           username, locale, array(SELECT id FROM surplus) AS surplus,
           EXISTS (SELECT FROM told) AS "isTold", ${FORMER_LOGINS.columns}
      FROM person`
})
const IF_THERE = 'EXISTS (SELECT FROM person)'
const BEGIN = begin('session_begin', `told AS (${insertEvents('$16', IF_THERE)})`)
/** The first event of somebody who was imported, with their key. */
const BEGIN_FIRST = begin('session_begin_first', insertFirstEvents('$16', '$17', '$18', IF_THERE))

/** Begins sessions within a transaction: the row, its audit event and the owner's mail are one fact. */
export function createSessionBeginner(deps: SessionBeginnerDeps) {
  const { sealer, clock, record, newDevices } = deps
  const { idleSeconds, absoluteSeconds, endSessions, sessionsPerUser } = deps
  const composeEvent = createToldEventComposer({ sealer, clock })

  /**
   * The least recently used sessions of a person make room for it; grants made from them do not count, and
   * end with theirs. The person is held until the transaction ends: logins at once must see each other's sessions.
   * @returns null when they were disabled or erased, or the password replaced, since it was checked
   */
  return async function beginSession(
    tx: Connection,
    { secret, userId, ...session }: NewSession,
    { passwordHash, sealedKey, isKnownDevice }: LoginProof,
    origin: RequestOrigin
  ): Promise<BegunSession | null> {
    const now = clock.now()
    const id = uuidv7At(now)
    const times = lifetimes(now, { idleSeconds, absoluteSeconds })
    const { clientId, scope, delivery, amr, device } = session
    const event = { type: 'login.succeeded', origin, userId, sessionId: id, clientId } as const
    const { rows, added } = composeEvent(event, sealedKey)
    const [, [begun]] = await Promise.all([
      tx.query(TAKE_TURNS, [userId]),
      tx.query<Begun>(added === null ? BEGIN : BEGIN_FIRST, [
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
        passwordHash,
        rows,
        ...(added === null ? [] : [added.userIds, added.sealedKeys])
      ])
    ])
    if (begun === undefined) return null
    const { surplus: only, isTold, roles, emailSealed, emailVerifiedAt, name, username } = begun
    // Somebody made them a key since it was read.
    if (!isTold) await record(tx, event)
    const ended =
      only.length === 0 ? [] : await endSessions(tx, { userId, only }, 'session_limit', { origin })
    if (newDevices.isNew(begun, origin.address)) {
      await newDevices.tell(tx, begun, { device, origin, now })
    }
    const known = { roles, emailSealed, emailVerifiedAt, name, username }
    const fresh = { generation: 0, audience: [], dpopJkt: null }
    return { session: { id, userId, clientId, scope, amr, ...fresh, ...times, ...known }, ended }
  }
}

/**
 * Holds somebody whose account a password that was checked before still opens, until the transaction ends.
 * @returns false when they were disabled or erased, or the password replaced, since it was checked
 */
export async function holdPerson(
  tx: Connection,
  userId: string,
  passwordHash: string
): Promise<boolean> {
  return (await tx.query(HOLD, [userId, passwordHash])).length > 0
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
