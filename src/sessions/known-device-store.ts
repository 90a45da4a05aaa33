import { v7 as uuidv7 } from 'uuid'
import type { Clock } from '../platform/clock.ts'
import type { Postgres } from '../platform/postgres.ts'

/** How many browsers a person keeps. */
const MOST = 10

export type KnownDeviceStore = ReturnType<typeof createKnownDeviceStore>

export type KnownDeviceStoreDeps = { postgres: Postgres; clock: Clock }

export function createKnownDeviceStore({ postgres, clock }: KnownDeviceStoreDeps) {
  async function isKnown(userId: string, nonceHash: Buffer): Promise<boolean> {
    const count = await postgres.read((db) =>
      db.knownDevice.count({
        where: { userId, nonceHash: new Uint8Array(nonceHash), expiresAt: { gt: clock.now() } }
      })
    )
    return count > 0
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
    await postgres.transaction(async (tx) => {
      await tx.$executeRaw`
        INSERT INTO known_device (id, user_id, nonce_hash, created_at, expires_at)
        SELECT ${id}::uuid, id, ${nonceHash}, ${createdAt}, ${expiresAt} FROM users
         WHERE id = ${userId}::uuid AND password_hash = ${passwordHash} AND status = 'active'
           AND NOT must_reset
           FOR SHARE`
      const surplus = await tx.knownDevice.findMany({
        where: { userId },
        orderBy: { id: 'desc' },
        skip: MOST,
        select: { id: true }
      })
      await tx.knownDevice.deleteMany({ where: { id: { in: surplus.map(({ id }) => id) } } })
    })
  }

  return { isKnown, add }
}
