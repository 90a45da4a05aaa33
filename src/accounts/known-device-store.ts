import { uuidv7At } from '../lib/random.ts'
import type { Clock } from '../platform/clock.ts'
import type { Postgres } from '../platform/postgres.ts'

/** How many browsers a person keeps. */
const MOST = 10

export type KnownDeviceStore = ReturnType<typeof createKnownDeviceStore>

export type KnownDeviceStoreDeps = { postgres: Postgres; clock: Clock }

const IS_KNOWN = {
  name: 'known_device_find',
  text: 'SELECT 1 FROM known_device WHERE user_id = $1::uuid AND nonce_hash = $2 AND expires_at > $3'
}

/** One more, and the oldest go beyond those that a person keeps: the statement does not see its own yet. */
const ADD = {
  name: 'known_device_add',
  text: `
    WITH person AS (
      SELECT id FROM users
       WHERE id = $2::uuid AND password_hash = $6 AND status = 'active' AND NOT must_reset
         FOR SHARE
    ), added AS (
      INSERT INTO known_device (id, user_id, nonce_hash, created_at, expires_at)
      SELECT $1::uuid, id, $3, $4, $5 FROM person RETURNING user_id
    ), surplus AS (
      SELECT id FROM known_device WHERE user_id = $2::uuid ORDER BY id DESC OFFSET ${MOST - 1}
    )
    DELETE FROM known_device USING added WHERE id IN (SELECT id FROM surplus)`
}

export function createKnownDeviceStore({ postgres, clock }: KnownDeviceStoreDeps) {
  async function isKnown(userId: string, nonceHash: Buffer): Promise<boolean> {
    return (await postgres.query(IS_KNOWN, [userId, nonceHash, clock.now()])).length > 0
  }

  /**
   * One more, unless the password that was shown opens nothing any more: a reset since the login took all
   * of a person's browsers, and this one must not come after it.
   */
  async function add(
    { userId, passwordHash }: { userId: string; passwordHash: string },
    nonceHash: Buffer,
    lifeSeconds: number
  ): Promise<void> {
    const createdAt = clock.now()
    const id = uuidv7At(createdAt)
    const expiresAt = new Date(createdAt.getTime() + lifeSeconds * 1_000)
    await postgres.query(ADD, [id, userId, nonceHash, createdAt, expiresAt, passwordHash])
  }

  return { isKnown, add }
}
