import { randomBytes } from 'node:crypto'
import type { Sealer } from '../platform/keys/sealer.ts'
import type { PrismaClient } from '../platform/prisma/client.ts'
import type { Transaction } from '../platform/postgres.ts'

/** The keys that were asked for. `null` is a key that was destroyed; one that never was is missing. */
export type PersonKeys = ReadonlyMap<string, Buffer | null>

/**
 * A key per person, for the addresses in their events: the trail is never rewritten, so destroying the key
 * is what erases them. Nothing is kept in memory, where a replica would go on with a key that another one
 * has destroyed.
 */
export function createPersonKeyStore(sealer: Sealer) {
  async function find(db: Transaction | PrismaClient, userIds: string[]): Promise<PersonKeys> {
    if (userIds.length === 0) return new Map()
    const rows = await db.auditKey.findMany({ where: { userId: { in: userIds } } })
    return new Map(
      rows.map(({ userId, sealedKey }) => [
        userId,
        sealedKey && sealer.openBytes('audit', sealedKey, place(userId))
      ])
    )
  }

  /**
   * The keys of these people, made where there is none yet. One statement unless somebody is new.
   *
   * An event that is written while its person is erased: either it got the key, which is gone once both
   * have committed, or it waits for the row that says so and gets null. No key comes back, for the row of
   * a destroyed one stays.
   */
  async function obtain(tx: Transaction, userIds: string[]): Promise<PersonKeys> {
    const known = await find(tx, userIds)
    const unknown = userIds.filter((id) => !known.has(id))
    if (unknown.length === 0) return known
    // In one order for everybody, or two writers could wait for each other.
    const data = unknown.sort().map((userId) => {
      const sealedKey = sealer.sealBytes('audit', randomBytes(32), place(userId))
      return { userId, sealedKey }
    })
    await tx.auditKey.createMany({ data, skipDuplicates: true })
    return find(tx, userIds)
  }

  return { find, obtain }
}

const place = (userId: string) => ({ table: 'audit_key', column: 'sealed_key', row: userId })
