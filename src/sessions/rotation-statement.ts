import { gatherByKey } from '../lib/gather.ts'
import type { Postgres } from '../platform/postgres.ts'
import type { LiveSession, Presenter } from './session.ts'

/** What a rotation asks for: the session of `secretHash` at `generation`, shown by `presenter`. */
export type AskedRotation = {
  sessionId: string
  secretHash: Buffer
  generation: number
  presenter: Presenter
}

/** A person who may go on, and a session that has not ended; `s` is the session and `u` its person. */
export const ALIVE = `
  s.revoked_at IS NULL AND s.expires_at > latchkey_now() AND s.idle_expires_at > latchkey_now()
  AND u.id = s.user_id AND u.status = 'active'`

const PRESENTED = `
  s.client_id = $3 AND s.delivery = $6::session_delivery AND s.dpop_jkt IS NOT DISTINCT FROM $7 AND ${ALIVE}`

const STEP = `
  UPDATE session s
     SET generation = s.generation + 1, rotated_at = latchkey_now(), last_used_at = latchkey_now(),
         idle_expires_at = LEAST(s.expires_at, latchkey_now() + make_interval(secs => $5))`

/** Milliseconds, and a tiny part of one: half of what whole ones cost, of seven for every session. */
const epochMs = (column: string) => `date_part('epoch', ${column}) * 1000`

/** What the token has not said already, in one column: of a dozen the driver reads each one's description every time. */
const TOLD = `json_build_object(
  'userId', s.user_id, 'scope', s.scope, 'audience', s.audience, 'generation', s.generation,
  'rotatedAt', ${epochMs('s.rotated_at')}, 'expiresAt', ${epochMs('s.expires_at')},
  'idleExpiresAt', ${epochMs('s.idle_expires_at')}, 'authTime', ${epochMs('s.auth_time')},
  'amr', s.amr, 'roles', u.roles, 'emailSealed', encode(u.email_sealed, 'hex'),
  'emailVerifiedAt', ${epochMs('u.email_verified_at')}, 'name', u.name, 'username', u.username
) AS told`

/** The whole rotation. Of any number of callers with one token, one finds the generation it asks for. */
const ROTATE = {
  name: 'session_rotate',
  text: `${STEP}
    FROM users u
   WHERE s.id = $1::uuid AND s.secret_hash = $2 AND s.generation = $4::int AND ${PRESENTED}
  RETURNING ${TOLD}`
}

/**
 * The same of many tokens, each as `at` in the lists: one journey and one commit for all. A session that somebody
 * else holds is passed over, so nobody waits for a stranger's, and no two of these for each other.
 */
const ROTATE_MANY = {
  name: 'session_rotate_many',
  text: `
    WITH u AS MATERIALIZED (
      SELECT s.id AS session_id, asked.at, u.roles, u.email_sealed, u.email_verified_at, u.name, u.username
        FROM unnest($1::uuid[], $2::bytea[], $4::int[]) WITH ORDINALITY
             AS asked(id, secret_hash, generation, at)
        JOIN session s ON s.id = asked.id
        JOIN users u ON u.id = s.user_id
       WHERE s.secret_hash = asked.secret_hash AND s.generation = asked.generation AND ${PRESENTED}
         FOR NO KEY UPDATE OF s SKIP LOCKED
    )
    ${STEP}
      FROM u
     WHERE s.id = u.session_id
    RETURNING u.at::int AS at, ${TOLD}`
}

/**
 * So few go off one by one. While more commit, the next ones gather: fewer would leave Postgres idle where logins keep
 * all cores busy and every commit waits for its turn.
 */
const AT_ONCE = 8
const MOST = 64
/** Longer than a commit takes on a good day. Where it takes more, or its row is held, nobody else waits for it. */
const PATIENCE_MS = 10

type Given = 'id' | 'clientId' | 'dpopJkt'
type Told = {
  [Field in Exclude<keyof LiveSession, Given>]: LiveSession[Field] extends Date
    ? number
    : LiveSession[Field] extends Date | null
      ? number | null
      : LiveSession[Field] extends Uint8Array
        ? string
        : LiveSession[Field]
}

/** Spends refresh tokens: under load, several of one client in a statement. */
export function createGenerationTurner(postgres: Pick<Postgres, 'query'>) {
  const join = gatherByKey<AskedRotation, Told | undefined>({
    atOnce: AT_ONCE,
    most: MOST,
    patienceMs: PATIENCE_MS,
    work: async (items) => {
      const [first] = items
      if (first === undefined) return []
      return items.length === 1 ? [await turnOne(first)] : turnMany(items, first.presenter)
    }
  })

  async function turnOne(asked: AskedRotation): Promise<Told | undefined> {
    const { sessionId, secretHash, generation, presenter } = asked
    const values = valuesOf(sessionId, secretHash, generation, presenter)
    const [row] = await postgres.query<{ told: Told }>(ROTATE, values)
    return row?.told
  }

  async function turnMany(items: AskedRotation[], presenter: Presenter) {
    const values = valuesOf(
      listOf(items, ({ sessionId }) => sessionId),
      listOf(items, ({ secretHash }) => `"\\\\x${secretHash.toString('hex')}"`),
      listOf(items, ({ generation }) => String(generation)),
      presenter
    )
    const rows = await postgres.query<{ at: number; told: Told }>(ROTATE_MANY, values)
    const told = new Array<Told | undefined>(items.length).fill(undefined)
    for (const row of rows) told[row.at - 1] = row.told
    return told
  }

  /** @returns the session one generation on; null where it is not as `asked`, or held: nothing was done */
  return async function turn(asked: AskedRotation): Promise<LiveSession | null> {
    const { clientId, delivery, dpopJkt, idleSeconds } = asked.presenter
    const told = await join(`${delivery} ${idleSeconds} ${dpopJkt ?? ''} ${clientId}`, asked)
    if (told === undefined) return null
    return sessionOf(told, { id: asked.sessionId, clientId, dpopJkt })
  }
}

/** $1 to $7 of both statements. */
function valuesOf(
  sessionId: string,
  secretHash: Buffer | string,
  generation: number | string,
  { clientId, idleSeconds, delivery, dpopJkt }: Presenter
): unknown[] {
  return [sessionId, secretHash, clientId, generation, idleSeconds, delivery, dpopJkt]
}

/** As Postgres reads an array. */
function listOf(items: AskedRotation[], write: (item: AskedRotation) => string): string {
  return `{${items.map(write).join(',')}}`
}

function sessionOf(told: Told, { id, clientId, dpopJkt }: Pick<LiveSession, Given>): LiveSession {
  const { emailVerifiedAt } = told
  return {
    id,
    userId: told.userId,
    clientId,
    scope: told.scope,
    audience: told.audience,
    dpopJkt,
    generation: told.generation,
    rotatedAt: dateOf(told.rotatedAt),
    expiresAt: dateOf(told.expiresAt),
    idleExpiresAt: dateOf(told.idleExpiresAt),
    authTime: dateOf(told.authTime),
    amr: told.amr,
    roles: told.roles,
    emailSealed: Buffer.from(told.emailSealed, 'hex'),
    emailVerifiedAt: emailVerifiedAt === null ? null : dateOf(emailVerifiedAt),
    name: told.name,
    username: told.username
  }
}

/** The columns hold whole milliseconds. */
const dateOf = (ms: number) => new Date(Math.round(ms))
