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

  async function add(userId: string, nonceHash: Buffer, lifeSeconds: number): Promise<void> {
    const createdAt = clock.now()
    await postgres.transaction(async (tx) => {
      await tx.knownDevice.create({
        data: {
          id: uuidv7({ msecs: createdAt.getTime() }),
          userId,
          nonceHash: new Uint8Array(nonceHash),
          createdAt,
          expiresAt: new Date(createdAt.getTime() + lifeSeconds * 1_000)
        }
      })
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
