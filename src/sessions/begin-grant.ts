import type { RequestOrigin } from '../audit/events.ts'
import { insertEvents, type ComposeEvent } from '../audit/event-row.ts'
import { takeRandomBytes, uuidv7At } from '../lib/random.ts'
import { sha256 } from '../lib/secrets.ts'
import type { Clock } from '../platform/clock.ts'
import type { Sealer } from '../platform/keys/sealer.ts'
import type { Postgres, Statement } from '../platform/postgres.ts'
import { addressPlace } from './new-device.ts'
import type { GrantSession } from './session.ts'

/** Lets this grant outlive the browser login that it was made from (OpenID Connect Core §11). */
export const OFFLINE_ACCESS = 'offline_access'

/** What a grant is made from, and what never changes of it. */
export type GrantSource = {
  clientId: string
  userId: string
  /** The login that it was agreed to in. */
  parentId: string
  scope: string
  audience: string[]
  authTime: Date
  amr: string[]
  /** As {@link sealedKeyOf} reads it. */
  sealedKey: Uint8Array | null
}

/** What its session lives by. */
export type GrantTerms = { dpopJkt: string | null; idleSeconds: number; absoluteSeconds: number }

export type BegunGrant =
  | { kind: 'begun'; session: GrantSession; secret: Buffer }
  /** Its source is spent, and nothing has begun: the person or the login that agreed is gone. */
  | { kind: 'login_ended' }
  /** There was nothing to spend. */
  | { kind: 'unspent' }

/** What only the statement can tell. */
type Begun = Pick<GrantSession, 'rotatedAt' | 'expiresAt' | 'idleExpiresAt' | 'roles'>

export type BeginGrant = ReturnType<typeof createGrantBeginner>

export type GrantBeginnerDeps = {
  postgres: Postgres
  sealer: Sealer
  clock: Clock
  composeEvent: ComposeEvent
}

/** Sessions of OAuth clients: children of the browser login in which their person agreed. */
export function createGrantBeginner(deps: GrantBeginnerDeps) {
  const { postgres, sealer, clock, composeEvent } = deps

  /**
   * Spends what a grant comes from and begins its session: one statement, so both happened or neither.
   * @param statement made by {@link grantStatement}
   * @param more what its spending asks for beside, from $11 on
   */
  return async function beginGrant(
    statement: Statement,
    hash: Buffer,
    source: GrantSource,
    { dpopJkt, idleSeconds, absoluteSeconds }: GrantTerms,
    origin: RequestOrigin,
    more: unknown[] = []
  ): Promise<BegunGrant> {
    const { clientId, userId, parentId, scope, audience, authTime, amr, sealedKey } = source
    const id = uuidv7At(clock.now())
    const secret = takeRandomBytes(32)
    const event = { type: 'grant.begun', origin, userId, sessionId: id, clientId } as const
    const [row] = await postgres.query<Begun | { rotatedAt: null }>(statement, [
      hash,
      clientId,
      id,
      sha256(secret),
      Buffer.from(sealer.seal(origin.address, addressPlace(id))),
      dpopJkt,
      idleSeconds,
      absoluteSeconds,
      await composeEvent(postgres, event, sealedKey),
      parentId,
      ...more
    ])
    if (row === undefined) return { kind: 'unspent' }
    if (row.rotatedAt === null) return { kind: 'login_ended' }
    const known = { id, userId, clientId, scope, audience, dpopJkt, generation: 0, authTime, amr }
    return { kind: 'begun', session: { ...known, ...row }, secret }
  }
}

/**
 * The statement for grants of one kind. The parent's row is held: whoever ends it afterwards sees the child,
 * which lives no longer than the parent unless it was given `offline_access`.
 * @param spend an UPDATE of what has the hash $1 and is of the client $2. It notes $3, the id of the session, so
 *   that a second use can end it, and returns user_id, parent_id, scope, audience, claims, auth_time and amr
 */
export function grantStatement(name: string, spend: string): Statement {
  return {
    name,
    text: `
    WITH spent AS (${spend}),
    u AS (
      SELECT u.roles,
             LEAST(latchkey_now() + make_interval(secs => $8),
                   CASE WHEN (SELECT '${OFFLINE_ACCESS}' <> ALL (string_to_array(scope, ' ')) FROM spent)
                        THEN p.expires_at END) AS ends_at
        FROM session p JOIN users u ON u.id = p.user_id
       WHERE p.id = $10::uuid AND u.id IS NOT DISTINCT FROM (SELECT user_id FROM spent)
         AND p.revoked_at IS NULL AND p.expires_at > latchkey_now()
         AND u.status = 'active' AND NOT u.must_reset
         FOR SHARE OF u, p),
    s AS (
      INSERT INTO session
             (id, user_id, parent_id, client_id, secret_hash, scope, audience, claims, dpop_jkt, auth_time,
              amr, address_sealed, created_at, rotated_at, last_used_at, expires_at, idle_expires_at)
      SELECT $3::uuid, user_id, parent_id, $2::text, $4::bytea, scope, audience, claims, $6::text, auth_time,
             amr, $5::bytea, latchkey_now(), latchkey_now(), latchkey_now(), ends_at,
             LEAST(ends_at, latchkey_now() + make_interval(secs => $7))
        FROM spent, u
      RETURNING rotated_at, expires_at, idle_expires_at),
    told AS (${insertEvents('$9', 'EXISTS (SELECT FROM s)')})
    SELECT s.rotated_at AS "rotatedAt", s.expires_at AS "expiresAt",
           s.idle_expires_at AS "idleExpiresAt", u.roles
      FROM spent LEFT JOIN s ON TRUE LEFT JOIN u ON TRUE`
  }
}
