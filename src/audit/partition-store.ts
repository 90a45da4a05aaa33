import { tryLockForTransaction } from '../platform/locks.ts'
import type { Postgres } from '../platform/postgres.ts'

/** How many months after this one have a partition: so long may no server run before events go elsewhere. */
const MONTHS_AHEAD = 2

const MAKE = {
  name: 'audit_partitions',
  text: `SELECT make_audit_partitions(${MONTHS_AHEAD}) AS made`
}

/** The months of the audit trail. The database makes a partition; here is when. */
export function createPartitionStore(postgres: Postgres) {
  /** Makes the partitions that are due, unless another server is at it. @returns their names */
  async function makeAhead(): Promise<string[]> {
    return postgres.hotTransaction(async (tx) => {
      if (!(await tryLockForTransaction(tx, 'audit_partitions'))) return []
      const [row] = await tx.query<{ made: string[] }>(MAKE, [])
      return row?.made ?? []
    })
  }

  return { makeAhead }
}
