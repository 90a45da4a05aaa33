import type { RequestOrigin } from '../audit/events.ts'
import type { Audit } from '../audit/record.ts'
import { sha256 } from '../lib/secrets.ts'
import type { Sealer } from '../platform/keys/sealer.ts'
import type { Connection } from '../platform/postgres.ts'
import { addressPlace } from './begin-session.ts'
import { LIVE_SESSION } from './rotation-store.ts'
import type { LiveSession } from './session.ts'

/** Lets this grant outlive the browser login that it was made from (OpenID Connect Core §11). */
export const OFFLINE_ACCESS = 'offline_access'

/** What a client was granted, and by which login. */
export type NewGrant = {
  /** UUIDv7, made by whoever spends what the grant comes from: a second use can then end it. */
  id: string
  userId: string
  parentId: string
  clientId: string
  scope: string
  audience: string[]
  /** The `claims` parameter of the request, if there was one. */
  claims: object | null
  dpopJkt: string | null
  authTime: Date
  amr: string[]
  secret: Buffer
  idleSeconds: number
  absoluteSeconds: number
}

export type BeginGrant = ReturnType<typeof createGrantBeginner>

export type GrantBeginnerDeps = { sealer: Sealer; record: Audit }

/** Sessions of OAuth clients: children of the browser login in which their person agreed. */
export function createGrantBeginner({ sealer, record }: GrantBeginnerDeps) {
  /**
   * Begins the session of a grant, in the transaction that spends what it was made for. The parent's row
   * is held meanwhile: whoever ends it afterwards sees this child.
   * @returns null when the person or the login that agreed is gone
   */
  return async function beginGrant(
    tx: Connection,
    grant: NewGrant,
    origin: RequestOrigin
  ): Promise<LiveSession | null> {
    const { id, userId, parentId, clientId, scope } = grant
    const [session] = await tx.query<LiveSession>(BEGIN, [
      id,
      userId,
      parentId,
      clientId,
      sha256(grant.secret),
      scope,
      grant.audience,
      grant.claims,
      grant.dpopJkt,
      grant.authTime,
      grant.amr,
      Buffer.from(sealer.seal(origin.address, addressPlace(id))),
      grant.idleSeconds,
      grant.absoluteSeconds,
      scope.split(' ').includes(OFFLINE_ACCESS)
    ])
    if (session === undefined) return null
    await record(tx, { type: 'grant.begun', origin, userId, sessionId: id, clientId })
    return session
  }
}

/** Holds the parent and its person, and adds the child: no later than the parent ends, unless it outlives it. */
const BEGIN = {
  name: 'session_begin_grant',
  text: `
    WITH u AS (
      SELECT u.roles, u.email_sealed, u.email_verified_at, u.name, u.username,
             LEAST(latchkey_now() + make_interval(secs => $14),
                   CASE WHEN $15::boolean THEN NULL ELSE p.expires_at END) AS ends_at
        FROM session p JOIN users u ON u.id = p.user_id
       WHERE p.id = $3::uuid AND u.id = $2::uuid
         AND p.revoked_at IS NULL AND p.expires_at > latchkey_now()
         AND u.status = 'active' AND NOT u.must_reset
         FOR SHARE),
    s AS (
      INSERT INTO session
             (id, user_id, parent_id, client_id, secret_hash, scope, audience, claims, dpop_jkt,
              auth_time, amr, address_sealed, created_at, rotated_at, last_used_at, expires_at,
              idle_expires_at)
      SELECT $1::uuid, $2::uuid, $3::uuid, $4, $5::bytea, $6, $7::text[], $8::jsonb, $9,
             $10::timestamptz, $11::text[], $12::bytea,
             latchkey_now(), latchkey_now(), latchkey_now(), ends_at,
             LEAST(ends_at, latchkey_now() + make_interval(secs => $13))
        FROM u
      RETURNING *)
    SELECT ${LIVE_SESSION} FROM s, u`
}
