import { v7 as uuidv7 } from 'uuid'
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

const ADD = {
  name: 'known_device_add',
  text: `
    INSERT INTO known_device (id, user_id, nonce_hash, created_at, expires_at)
    SELECT $1::uuid, id, $3, $4, $5 FROM users
     WHERE id = $2::uuid AND password_hash = $6 AND status = 'active' AND NOT must_reset
       FOR SHARE`
}

/** The oldest beyond those that a person keeps. */
const FORGET = {
  name: 'known_device_forget',
  text: `
    DELETE FROM known_device WHERE id IN
      (SELECT id FROM known_device WHERE user_id = $1::uuid ORDER BY id DESC OFFSET ${MOST})`
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
    const id = uuidv7({ msecs: createdAt.getTime() })
    const expiresAt = new Date(createdAt.getTime() + lifeSeconds * 1_000)
    await postgres.hotTransaction(async (tx) => {
      await tx.query(ADD, [id, userId, nonceHash, createdAt, expiresAt, passwordHash])
      await tx.query(FORGET, [userId])
    })
  }

  return { isKnown, add }
}
