import { tryLockForTransaction } from '../platform/locks.ts'
import type { Postgres } from '../platform/postgres.ts'

/** How many months after this one have a partition: so long may no server run before events go elsewhere. */
const MONTHS_AHEAD = 2

/** The months of the audit trail. The database makes a partition; here is when. */
export function createPartitionStore(postgres: Postgres) {
  /** Makes the partitions that are due, unless another server is at it. @returns their names */
  async function makeAhead(): Promise<string[]> {
    return postgres.transaction(async (tx) => {
      if (!(await tryLockForTransaction(tx, 'audit_partitions'))) return []
      const [row] = await tx.$queryRaw<[{ made: string[] }]>`
        SELECT make_audit_partitions(${MONTHS_AHEAD}::int) AS made`
      return row.made
    })
  }

  return { makeAhead }
}
