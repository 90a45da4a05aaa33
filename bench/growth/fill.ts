import type pg from 'pg'
import type { Platform } from '../../src/platform/open-platform.ts'
import { inParallel, inTurn, withClient } from './parallel.ts'
import { fillPeople } from './people.ts'
import { REVOKED_EACH, SPAN_MS, type Population } from './population.ts'

const ROWS_PER_STATEMENT = 500_000
/** Of partitions for events of the past. */
const MONTHS = 25

export type FillDeps = {
  databaseUrl: string
  sealer: Platform['sealer']
  population: Population
  tell: (line: string) => void
}

/**
 * Fills a migrated, empty database as its superuser: triggers and foreign keys are passed over, indexes are
 * made afterwards. Every row is one that the server could have written, with two exceptions: the addresses in
 * sessions and events are bytes that open to nothing, and old events are in no seal.
 */
export async function fill({ databaseUrl, sealer, population, tell }: FillDeps): Promise<void> {
  const { users, sessions, events } = population
  await withClient(databaseUrl, population, async (client) => {
    const { rowCount } = await client.query('SELECT FROM users LIMIT 1')
    if (rowCount !== 0) throw new Error('This database has users: fill an empty one.')
    const indexes = await dropIndexes(client)
    await client.query(
      `SELECT make_audit_partition(now() - make_interval(months => back)) FROM generate_series(1, ${MONTHS}) AS back`
    )
    const tables = await tablesOf(client)
    // What it did meanwhile would be done once more at the end.
    for (const table of tables)
      await client.query(`ALTER TABLE ${table} SET (autovacuum_enabled = off)`)
    // People are sealed by this process, the others made by Postgres: together they use all cores.
    await Promise.all([
      step('people', users, () => fillPeople({ databaseUrl, sealer, population })),
      step('sessions', sessions, () => inChunks(databaseUrl, population, sessions, SESSIONS)).then(
        () => step('events', events, () => inChunks(databaseUrl, population, events, EVENTS))
      )
    ])
    const each = (all: string[]) => inTurn(databaseUrl, population, all)
    await step('indexes', 0, () => each(indexes))
    await step('vacuum', 0, () => each(tables.map((name) => `VACUUM (ANALYZE, FREEZE) ${name}`)))
    await client.query('ANALYZE audit_event')
    for (const table of tables)
      await client.query(`ALTER TABLE ${table} RESET (autovacuum_enabled)`)
  })

  async function step(what: string, rows: number, work: () => Promise<unknown>): Promise<void> {
    const startedAtMs = performance.now()
    await work()
    const seconds = (performance.now() - startedAtMs) / 1_000
    const rate = rows === 0 ? '' : `, ${Math.round(rows / seconds)} a second`
    tell(`${what}: ${rows === 0 ? '' : `${rows} in `}${seconds.toFixed(1)} s${rate}`)
  }
}

/** Those that hold rows, the largest kind first. */
async function tablesOf(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(`
    SELECT oid::regclass::text AS name FROM pg_class
     WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
     ORDER BY relname NOT IN ('session', 'users'), relname NOT LIKE 'audit%'`)
  return rows.map(({ name }) => name)
}

/** All but the primary keys: those are in the order of the rows. @returns what makes them again */
async function dropIndexes(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string; definition: string }>(`
    SELECT relname AS name, pg_get_indexdef(indexrelid) AS definition
      FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
     WHERE indrelid IN ('users'::regclass, 'session'::regclass, 'audit_event'::regclass)
       AND NOT indisprimary ORDER BY 1`)
  for (const { name } of rows) await client.query(`DROP INDEX ${name}`)
  return rows.map(({ definition }) => definition.replace(' ON ONLY ', ' ON '))
}

/** Statements for the rows from $1 until before $2. */
type Chunk = (population: Population) => string

const PERSON = (n: string, { users }: Population) =>
  `pg_temp.growth_id('users', ${n}, pg_temp.growth_ms(${n}, ${users}, ${SPAN_MS.users}))`

const SESSIONS: Chunk = (population) => `
  INSERT INTO session (id, user_id, client_id, secret_hash, generation, rotated_at, last_used_at, created_at,
                       expires_at, idle_expires_at, revoked_at, revoke_reason, scope, auth_time, amr, device,
                       address_sealed)
  SELECT id, ${PERSON(`n % ${population.users}`, population)}, 'latchkey', sha256(sha256(id::text::bytea)),
         (random() * 200)::int, used, used, at, at + interval '30 days', used + interval '14 days',
         CASE WHEN n % ${REVOKED_EACH} = 0 THEN used + interval '1 minute' END,
         CASE WHEN n % ${REVOKED_EACH} = 0 THEN 'logout' END,
         'account', at, '{pwd}', 'Firefox on Linux', '\\x0100000000'::bytea || sha256(id::text::bytea)
    FROM (SELECT n, pg_temp.growth_id('sessions', n, ms) AS id, to_timestamp(ms / 1000.0)::timestamptz(3) AS at,
                 greatest(to_timestamp(ms / 1000.0),
                          to_timestamp(${population.asOfMs} / 1000.0) - (2 + random() * 8) * interval '1 day'
                         )::timestamptz(3) AS used
            FROM (SELECT n, pg_temp.growth_ms(n, ${population.sessions}, ${SPAN_MS.sessions}) AS ms
                    FROM generate_series($1::bigint, $2::bigint - 1) AS n) AS numbered) AS session`

/** A tenth of all, the oldest, are of one type that never came again. */
const EVENTS: Chunk = (population) => `
  INSERT INTO audit_event (id, at, type, user_id, session_id, client_id, request_id, address_sealed, details)
  SELECT pg_temp.growth_id('events', n, ms), to_timestamp(ms / 1000.0)::timestamptz(3), type,
         CASE WHEN type <> 'login.failed' THEN ${PERSON(`n * 7919 % ${population.users}`, population)} END,
         CASE WHEN type IN ('login.succeeded', 'session.ended')
              THEN pg_temp.growth_id('sessions', n, ms) END,
         CASE WHEN type = 'login.succeeded' THEN 'latchkey' END, gen_random_uuid()::text,
         '\\x0100000000'::bytea || sha256(n::text::bytea), '{}'
    FROM (SELECT n, pg_temp.growth_ms(n, ${population.events}, ${SPAN_MS.events}) AS ms,
                 CASE WHEN n < ${population.events} / 10 THEN 'account.imported'
                      WHEN n % 10 < 6 THEN 'login.succeeded' WHEN n % 10 < 8 THEN 'session.ended'
                      WHEN n % 10 < 9 THEN 'login.failed' WHEN n % 1000 = 9 THEN 'password.reset'
                      ELSE 'account.verified' END AS type
            FROM generate_series($1::bigint, $2::bigint - 1) AS n) AS numbered`

async function inChunks(databaseUrl: string, population: Population, rows: number, chunk: Chunk) {
  let next = 0
  await inParallel(databaseUrl, population, async (client) => {
    while (next < rows) {
      const first = next
      next = Math.min(rows, first + ROWS_PER_STATEMENT)
      await client.query(chunk(population), [first, next])
    }
  })
}
