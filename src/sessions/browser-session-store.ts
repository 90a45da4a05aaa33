import { CLEAR_LANES } from '../abuse/clear-lanes.ts'
import type { RequestOrigin } from '../audit/events.ts'
import type { Audit } from '../audit/record.ts'
import { sha256 } from '../lib/secrets.ts'
import type { Clock } from '../platform/clock.ts'
import type { Sealer } from '../platform/keys/sealer.ts'
import type { Connection, Postgres } from '../platform/postgres.ts'
import {
  holdPerson,
  lifetimes,
  type BeginSession,
  type BegunSession,
  type LoginProof
} from './begin-session.ts'
import type { BrowserClaim } from './browser-cookie.ts'
import type { EndedSession, EndSessions } from './end-sessions.ts'
import { isStale, liveLogin } from './live-login.ts'
import { addressPlace } from './new-device.ts'
import { FIRST_PARTY_CLIENT, FIRST_PARTY_SCOPE } from './session.ts'

/** A live row, without the person. */
export type BrowserRow = { id: string; userId: string; authTime: Date; amr: string[] }

/** A session, and those that ended for it: to be announced after the commit. */
type BegunLogin = { session: BrowserRow; ended: EndedSession[] }

export type NewBrowserLogin = {
  userId: string
  secret: Buffer
  amr: string[]
  device: string | null
  /** What the browser had before. */
  current: BrowserClaim | null
}

export type BrowserSessionStore = ReturnType<typeof createBrowserSessionStore>

export type BrowserSessionStoreDeps = {
  postgres: Postgres
  sealer: Sealer
  clock: Clock
  record: Audit
  beginSession: BeginSession
  endSessions: EndSessions
  idleSeconds: number
  absoluteSeconds: number
}

const FIND = {
  name: 'browser_session_find',
  text: `
    SELECT s.id, s.user_id AS "userId", s.auth_time AS "authTime", s.amr,
           ${isStale('s')} AS "isStale"
      FROM ${liveLogin('$1', '$2')}`
}

const SLIDE = {
  name: 'browser_session_slide',
  text: `
    UPDATE session
       SET last_used_at = latchkey_now(),
           idle_expires_at = LEAST(expires_at, latchkey_now() + make_interval(secs => $2))
     WHERE id = $1::uuid AND revoked_at IS NULL
       AND ${isStale('session')}`
}

const HOLDS = {
  name: 'browser_session_holds',
  text: `SELECT 1 FROM session WHERE id = $1::uuid AND secret_hash = $2 AND delivery = 'browser'`
}

const LOCK_LIVE = {
  name: 'browser_session_lock',
  text: `
    SELECT id, user_id AS "userId" FROM session
     WHERE id = $1::uuid AND secret_hash = $2 AND delivery = 'browser'
       AND revoked_at IS NULL AND expires_at > latchkey_now() AND idle_expires_at > latchkey_now()
       FOR UPDATE`
}

const RENEW = {
  name: 'browser_session_renew',
  text: `
    UPDATE session
       SET secret_hash = $2, amr = $3::text[], device = $4, address_sealed = $5, rotated_at = $6,
           last_used_at = $6, auth_time = $6, expires_at = $7, idle_expires_at = $8
     WHERE id = $1::uuid`
}

export function createBrowserSessionStore(deps: BrowserSessionStoreDeps) {
  const { postgres, sealer, clock, record, beginSession, endSessions } = deps
  const { idleSeconds } = deps

  /**
   * Begins a browser's session. The one that it had goes on, under the new secret, if it is the same
   * person's, and ends otherwise.
   * @param lane of guesses, to be cleared with it
   * @returns null when the person changed since the password was checked
   */
  async function begin(
    login: NewBrowserLogin,
    proof: LoginProof,
    origin: RequestOrigin,
    lane: Buffer | null
  ): Promise<BegunLogin | null> {
    return postgres.hotTransaction(async (tx) => {
      const begun = await beginIn(tx, login, proof, origin)
      if (begun !== null && lane !== null) tx.atEnd(CLEAR_LANES, [[lane]])
      return begun
    })
  }

  async function beginIn(
    tx: Connection,
    login: NewBrowserLogin,
    proof: LoginProof,
    origin: RequestOrigin
  ): Promise<BegunLogin | null> {
    if (login.current === null) return beginNew(tx, login, proof, origin)
    if (!(await holdPerson(tx, login.userId, proof.passwordHash))) return null
    const former = await lockLive(tx, login.current)
    if (former?.userId === login.userId) {
      return { session: await renew(tx, former.id, login, origin), ended: [] }
    }
    const ended =
      former === null ? [] : await endSessions(tx, { sessionId: former.id }, 'logout', { origin })
    const begun = await beginNew(tx, login, proof, origin)
    return begun && { session: begun.session, ended: [...ended, ...begun.ended] }
  }

  function beginNew(
    tx: Connection,
    { userId, secret, amr, device }: NewBrowserLogin,
    proof: LoginProof,
    origin: RequestOrigin
  ): Promise<BegunSession | null> {
    const what = {
      clientId: FIRST_PARTY_CLIENT,
      scope: FIRST_PARTY_SCOPE,
      delivery: 'browser'
    } as const
    return beginSession(tx, { userId, secret, amr, device, ...what }, proof, origin)
  }

  /** Of any number of logins with one cookie, one goes on with its session: the secret is new after that. */
  async function lockLive(
    tx: Connection,
    { sessionId, secret }: BrowserClaim
  ): Promise<{ id: string; userId: string } | null> {
    const values = [sessionId, sha256(secret)]
    const [row] = await tx.query<{ id: string; userId: string }>(LOCK_LIVE, values)
    return row ?? null
  }

  async function renew(
    tx: Connection,
    id: string,
    { userId, secret, amr, device }: NewBrowserLogin,
    origin: RequestOrigin
  ): Promise<BrowserRow> {
    const { authTime, expiresAt, idleExpiresAt } = lifetimes(clock.now(), deps)
    const address = sealer.seal(origin.address, addressPlace(id))
    const times = [authTime, expiresAt, idleExpiresAt]
    await tx.query(RENEW, [id, sha256(secret), amr, device, address, ...times])
    const clientId = FIRST_PARTY_CLIENT
    await record(tx, { type: 'login.succeeded', origin, userId, sessionId: id, clientId })
    return { id, userId, authTime, amr }
  }

  /** The live session of a claim whose person may log in. Using it keeps it from idling out. */
  async function find({ sessionId, secret }: BrowserClaim): Promise<BrowserRow | null> {
    const values = [sessionId, sha256(secret)]
    const [row] = await postgres.query<BrowserRow & { isStale: boolean }>(FIND, values)
    if (row === undefined) return null
    const { isStale, ...session } = row
    if (isStale) await postgres.query(SLIDE, [sessionId, idleSeconds])
    return session
  }

  /** Ends the session of whoever holds its secret. @returns what to announce */
  async function end(
    { sessionId, secret }: BrowserClaim,
    origin: RequestOrigin
  ): Promise<EndedSession[]> {
    return postgres.hotTransaction(async (tx) => {
      const held = await tx.query(HOLDS, [sessionId, sha256(secret)])
      return held.length === 0 ? [] : endSessions(tx, { sessionId }, 'logout', { origin })
    })
  }

  return { begin, find, end }
}
