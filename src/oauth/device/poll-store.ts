import type { RequestOrigin } from '../../audit/events.ts'
import { sealedKeyOf } from '../../audit/event-row.ts'
import type { Audit } from '../../audit/record.ts'
import { sha256 } from '../../lib/secrets.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Postgres } from '../../platform/postgres.ts'
import { grantStatement, type BeginGrant } from '../../sessions/begin-grant.ts'
import type { EndedSession, EndSessions } from '../../sessions/end-sessions.ts'
import type { LiveSession } from '../../sessions/session.ts'

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
  | { kind: 'redeemed'; session: LiveSession; secret: Buffer }
  /** It was spent before: what it began has ended, and that is committed. */
  | { kind: 'reused'; ended: EndedSession[] }
  | { kind: 'pending' | 'hasty' | 'denied' | 'expired' }
  | { kind: 'unusable'; reason: string }

export type PollStore = ReturnType<typeof createPollStore>

export type PollStoreDeps = {
  postgres: Postgres
  clock: Clock
  record: Audit
  beginGrant: BeginGrant
  endSessions: EndSessions
}

type Approved = { userId: string; parentId: string; sealedKey: Uint8Array | null }

/** What a device gets for its code, as often as it asks. */
export function createPollStore({
  postgres,
  clock,
  record,
  beginGrant,
  endSessions
}: PollStoreDeps) {
  /**
   * Spends a device code that was approved, and begins what it stands for; tells all others how it stands.
   * The consent has to stand still, and is held: whoever takes it back afterwards sees the session.
   */
  async function poll(presented: PresentedDeviceCode, origin: RequestOrigin): Promise<PollOutcome> {
    const { deviceCode, clientId, ...terms } = presented
    const hash = sha256(deviceCode)
    const [approved] = await postgres.query<Approved>(FIND_APPROVED, [hash, clientId])
    if (approved !== undefined) {
      const source = { hash, clientId, ...approved }
      const begun = await beginGrant(REDEEM, source, terms, origin)
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
    const deviceCodeHash = new Uint8Array(hash)
    return postgres.transaction(async (tx): Promise<PollOutcome> => {
      const code = await tx.deviceAuthorization.findUnique({ where: { deviceCodeHash } })
      if (code?.clientId !== clientId) return { kind: 'unusable', reason: 'no such device code' }
      const { spentAt, sessionId, userId, isApproved, expiresAt } = code
      if (spentAt !== null && sessionId !== null && userId !== null) {
        const ended = await endSessions(tx, { sessionId }, 'code_reuse', { origin })
        await record(tx, { type: 'grant.code_reused', origin, userId, sessionId, clientId })
        return { kind: 'reused', ended }
      }
      if (isApproved === false) return { kind: 'denied' }
      if (expiresAt <= clock.now()) return { kind: 'expired' }
      const stands =
        userId === null || (await tx.consent.count({ where: { userId, clientId } })) > 0
      // Approved between the two statements: the next poll gets it.
      return { kind: stands ? 'pending' : 'denied' }
    })
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
    SELECT user_id AS "userId", parent_id AS "parentId",
           ${sealedKeyOf('device_authorization.user_id')} AS "sealedKey"
      FROM device_authorization
     WHERE device_code_hash = $1 AND client_id = $2 AND is_approved AND spent_at IS NULL`
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
