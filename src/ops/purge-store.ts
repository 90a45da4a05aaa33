import { tryLockForTransaction } from '../platform/locks.ts'
import type { Postgres, Statement } from '../platform/postgres.ts'
import type { PurgeRule } from './purge-rules.ts'

export type PurgeStore = ReturnType<typeof createPurgeStore>

/** What one batch did; `last` is the end of the youngest row it deleted. */
export type PurgedBatch = { kind: 'purged'; rows: number; last: Date | null } | { kind: 'not_mine' }

type Gone = { rows: number; last: Date | null }

export function createPurgeStore(postgres: Postgres) {
  /**
   * Deletes up to `limit` rows, the oldest first, unless another server is deleting right now. Rows that
   * somebody works with are passed over, so nobody waits for it and it waits for nobody.
   * @param after where the last batch ended: the index is not walked through what that one deleted
   */
  async function purgeBatch(rule: PurgeRule, limit: number, after: Date): Promise<PurgedBatch> {
    const { keepSeconds } = rule
    return postgres.hotTransaction(async (tx) => {
      if (!(await tryLockForTransaction(tx, 'purge'))) return { kind: 'not_mine' }
      const [gone] = await tx.query<Gone>(statementOf(rule), [after, keepSeconds, limit])
      return { kind: 'purged', rows: gone?.rows ?? 0, last: gone?.last ?? null }
    })
  }

  return { purgeBatch }
}

/**
 * Names of tables and columns cannot be parameters; they come from the list in this folder alone. What went is summed up
 * there: the main thread would read 500 times, and those who wait for it with it.
 */
function statementOf({ table, endsAt, keepSeconds, only = 'TRUE' }: PurgeRule): Statement {
  const text = `
    WITH gone AS (
      DELETE FROM ${table} WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM ${table}
         WHERE ${endsAt} >= $1::timestamptz AND ${endsAt} <= latchkey_now() - make_interval(secs => $2::int)
           AND ${only}
         ORDER BY ${endsAt} LIMIT $3::int FOR UPDATE SKIP LOCKED))
      RETURNING ${endsAt} AS ends_at)
    SELECT count(*)::int AS rows, max(ends_at) AS last FROM gone`
  return { name: `purge_${table}_${endsAt}_${keepSeconds}`, text }
}
