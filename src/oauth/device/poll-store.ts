import type { RequestOrigin } from '../../audit/events.ts'
import { sealedKeyOf } from '../../audit/event-row.ts'
import { sha256 } from '../../lib/secrets.ts'
import type { Postgres } from '../../platform/postgres.ts'
import { grantStatement, type BeginGrant, type GrantSource } from '../../sessions/begin-grant.ts'
import type { EndedSession } from '../../sessions/end-sessions.ts'
import type { GrantSession } from '../../sessions/session.ts'
import { isAliveOf, type EndReused } from '../reuse-store.ts'

/** RFC 8628 §3.5: what `slow_down` adds. */
const SLOW_DOWN_SECONDS = 5
/** A device that keeps the interval is not called hasty for what the network does to its clockwork. */
const JITTER_SECONDS = 1

/** What is shown with a device code. */
export type PresentedDeviceCode = {
  deviceCode: string
  clientId: string
  dpopJkt: string | null
  idleSeconds: number
  absoluteSeconds: number
}

export type PollOutcome =
  | { kind: 'redeemed'; session: GrantSession; secret: Buffer }
  /** It was spent before: what it began has ended, and that is committed. */
  | { kind: 'reused'; ended: EndedSession[] }
  | { kind: 'pending' | 'hasty' | 'denied' | 'expired' }
  | { kind: 'unusable'; reason: string }

export type PollStore = ReturnType<typeof createPollStore>

export type PollStoreDeps = {
  postgres: Postgres
  beginGrant: BeginGrant
  endReused: EndReused
}

type Approved = Omit<GrantSource, 'clientId'>

type Judged = {
  userId: string | null
  sessionId: string | null
  isSpent: boolean
  isAlive: boolean
  isDenied: boolean
  isExpired: boolean
  /** Nobody has decided, or the consent stands. */
  stands: boolean
}

/** What a device gets for its code, as often as it asks. */
export function createPollStore({ postgres, beginGrant, endReused }: PollStoreDeps) {
  /**
   * Spends a device code that was approved, and begins what it stands for; tells all others how it stands.
   * The consent has to stand still, and is held: whoever takes it back afterwards sees the session.
   */
  async function poll(presented: PresentedDeviceCode, origin: RequestOrigin): Promise<PollOutcome> {
    const { deviceCode, clientId, ...terms } = presented
    const hash = sha256(deviceCode)
    const [approved] = await postgres.query<Approved>(FIND_APPROVED, [hash, clientId])
    if (approved !== undefined) {
      const source = { clientId, ...approved }
      const begun = await beginGrant(REDEEM, hash, source, terms, origin)
      if (begun.kind === 'begun') return { ...begun, kind: 'redeemed' }
      if (begun.kind === 'login_ended') return LOGIN_ENDED
    }
    return (await noteWaiting(hash, clientId)) ?? judge(hash, clientId, origin)
  }

  /** Finds out why nothing was spent. A code shown twice may be a thief's: what it began ends. */
  async function judge(
    hash: Buffer,
    clientId: string,
    origin: RequestOrigin
  ): Promise<PollOutcome> {
    const [code] = await postgres.query<Judged>(JUDGE, [hash, clientId])
    if (code === undefined) return { kind: 'unusable', reason: 'no such device code' }
    const { userId, sessionId, isSpent } = code
    if (isSpent && sessionId !== null && userId !== null) {
      const spent = { clientId, userId, sessionId, isAlive: code.isAlive }
      return { kind: 'reused', ended: await endReused(spent, origin) }
    }
    if (code.isDenied) return { kind: 'denied' }
    if (code.isExpired) return { kind: 'expired' }
    // Approved between the two statements: the next poll gets it.
    return { kind: code.stands ? 'pending' : 'denied' }
  }

  /** Counts a poll of an undecided request; one that comes too soon makes the interval longer (§3.5). */
  async function noteWaiting(hash: Buffer, clientId: string): Promise<PollOutcome | null> {
    const [row] = await postgres.query<{ isHasty: boolean }>(NOTE_WAITING, [hash, clientId])
    if (row === undefined) return null
    return { kind: row.isHasty ? 'hasty' : 'pending' }
  }

  return { poll }
}

const FIND_APPROVED = {
  name: 'device_code_find_approved',
  text: `
    SELECT d.user_id AS "userId", d.parent_id AS "parentId", d.scope, d.audience,
           -- Of a login that is gone, nothing begins.
           COALESCE(p.auth_time, d.created_at) AS "authTime", COALESCE(p.amr, '{}') AS amr,
           ${sealedKeyOf('d.user_id')} AS "sealedKey"
      FROM device_authorization d LEFT JOIN session p ON p.id = d.parent_id
     WHERE d.device_code_hash = $1 AND d.client_id = $2 AND d.is_approved AND d.spent_at IS NULL`
}

const REDEEM = grantStatement(
  'device_code_redeem',
  `UPDATE device_authorization d SET spent_at = latchkey_now(), session_id = $3::uuid
    WHERE device_code_hash = $1 AND client_id = $2
      AND is_approved AND spent_at IS NULL AND expires_at > latchkey_now()
      AND EXISTS (SELECT 1 FROM consent c
                   WHERE c.user_id = d.user_id AND c.client_id = d.client_id FOR SHARE)
   RETURNING user_id, parent_id, scope, audience, NULL::jsonb AS claims,
             (SELECT p.auth_time FROM session p WHERE p.id = d.parent_id) AS auth_time,
             (SELECT p.amr FROM session p WHERE p.id = d.parent_id) AS amr`
)

const JUDGE = {
  name: 'device_code_judge',
  text: `
    SELECT d.user_id AS "userId", d.session_id AS "sessionId", d.spent_at IS NOT NULL AS "isSpent",
           ${isAliveOf('d.session_id')} AS "isAlive",
           d.is_approved IS FALSE AS "isDenied", d.expires_at <= latchkey_now() AS "isExpired",
           d.user_id IS NULL
             OR EXISTS (SELECT FROM consent c
                         WHERE c.user_id = d.user_id AND c.client_id = d.client_id) AS stands
      FROM device_authorization d WHERE d.device_code_hash = $1 AND d.client_id = $2`
}

const NOTE_WAITING = {
  name: 'device_code_note_waiting',
  text: `
    WITH polled AS (
      SELECT device_code_hash,
             COALESCE(polled_at > latchkey_now()
                        - make_interval(secs => interval_seconds - ${JITTER_SECONDS}),
                      FALSE) AS is_hasty
        FROM device_authorization
       WHERE device_code_hash = $1 AND client_id = $2
         AND is_approved IS NULL AND expires_at > latchkey_now()
         FOR UPDATE)
    UPDATE device_authorization d
       SET polled_at = latchkey_now(),
           interval_seconds = d.interval_seconds
             + CASE WHEN polled.is_hasty THEN ${SLOW_DOWN_SECONDS} ELSE 0 END
      FROM polled WHERE d.device_code_hash = polled.device_code_hash
    RETURNING polled.is_hasty AS "isHasty"`
}

const LOGIN_ENDED = { kind: 'unusable', reason: 'the login that agreed has ended' } as const
