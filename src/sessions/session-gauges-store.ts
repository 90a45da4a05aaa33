import type { Postgres } from '../platform/postgres.ts'

/** Pages that are looked at, at most on average: 8 MiB, some 30,000 sessions. */
const SAMPLED_PAGES = 1_000

/** A sample of the table's pages, all of them where they are few: counting millions of rows takes too long. */
const COUNT_ACTIVE = {
  name: 'session_count_active',
  text: `
    WITH share AS (
      SELECT least(1, $1::float8 * current_setting('block_size')::int / greatest(pg_relation_size('session'), 1)) AS part)
    SELECT round(count(*) / (SELECT part FROM share))::float8 AS active
      FROM session TABLESAMPLE SYSTEM (
             least(100, 100 * $1::float8 * current_setting('block_size')::int / greatest(pg_relation_size('session'), 1)))
     WHERE revoked_at IS NULL AND expires_at > latchkey_now() AND idle_expires_at > latchkey_now()`
}

/** How many sessions live, in every server's view the same. */
export function createSessionGaugesStore(postgres: Postgres) {
  return async function countActive(): Promise<number> {
    const [row] = await postgres.query<{ active: number }>(COUNT_ACTIVE, [SAMPLED_PAGES])
    if (row === undefined) throw new Error('A count gives one row.')
    return row.active
  }
}
