// node bench/purge.ts [ROWS]: what purging expired rows costs the people who log in meanwhile.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { buildApp } from '../src/app.ts'
import { readConfig } from '../src/config.ts'
import { PURGE_RULES } from '../src/ops/purge-rules.ts'
import { statementOf } from '../src/ops/purge-store.ts'
import { startEmbeddedPostgres } from '../src/platform/embedded-postgres.ts'
import { applyMigrations } from '../src/platform/migrate.ts'
import { insertEnding } from '../test/support/expired-rows.ts'

const ROWS = Number(process.argv[2] ?? 1_000_000)
const BEFORE_MS = 30_000
/** So many that nobody logs in often enough to be shed. */
const PEOPLE = 200
const person = (n: number) => ({
  email: `bench-${n % PEOPLE}@example.com`,
  password: 'sparrow-lantern-42-quartz'
})
const LONG_AGO = new Date('2020-01-01')

type App = Awaited<ReturnType<typeof buildApp>>

const dataDir = await mkdtemp(join(tmpdir(), 'latchkey-bench-'))
const postgres = await startEmbeddedPostgres({ dataDir })
try {
  await applyMigrations({ databaseUrl: postgres.url })
  await measure(postgres.url)
} finally {
  await postgres.release()
  await rm(dataDir, { recursive: true, force: true })
}

async function measure(databaseUrl: string): Promise<void> {
  const database = new pg.Client(databaseUrl)
  await database.connect()
  const quiet = await openApp(databaseUrl, '86400')
  for (let n = 0; n < PEOPLE; n += 1) {
    await quiet.inject({ method: 'POST', url: '/auth/register', body: person(n) })
  }
  await fill(database)
  await explain(database)
  tell(
    'before',
    await logins(quiet, (atMs) => Promise.resolve(performance.now() - atMs > BEFORE_MS))
  )
  await quiet.close()
  const purging = await openApp(databaseUrl, '1')
  const startedAtMs = performance.now()
  tell('during', await logins(purging, () => isEmpty(database)))
  console.log(`purged in ${Math.round((performance.now() - startedAtMs) / 1_000)} s`)
  await purging.close()
  await database.end()
}

async function openApp(databaseUrl: string, interval: string): Promise<App> {
  const settings = {
    DATABASE_URL: databaseUrl,
    DATA_DIR: dataDir,
    KEY_ENCRYPTION_KEY: '11'.repeat(32),
    EMAIL_VERIFICATION: 'optional',
    LOG_LEVEL: 'warn',
    RATE_LIMIT_LOGIN_PER_MINUTE: '100000',
    RATE_LIMIT_REGISTER_PER_HOUR: '100000',
    PURGE_INTERVAL_SECONDS: interval
  }
  return buildApp({ ...readConfig(settings), databaseUrl })
}

/** Half of the rows are sessions, the other tables share the rest. */
async function fill(database: pg.Client): Promise<void> {
  for (const { table } of PURGE_RULES) {
    const rows = table === 'session' ? ROWS / 2 : ROWS / 2 / (PURGE_RULES.length - 1)
    await database.query(insertEnding(table, Math.round(rows)), [LONG_AGO])
    // Ends of their own, a second apart.
    const { endsAt } = PURGE_RULES.find((rule) => rule.table === table)!
    if (table !== 'session') continue
    await database.query(
      `UPDATE session SET ${endsAt} = $1::timestamptz + random() * interval '300 days' WHERE ${endsAt} = $1`,
      [LONG_AGO]
    )
  }
  await database.query('VACUUM ANALYZE')
}

async function explain(database: pg.Client): Promise<void> {
  for (const rule of PURGE_RULES) {
    const { rows } = await database.query<{ 'QUERY PLAN': string }>(
      `EXPLAIN ${statementOf(rule)}`,
      [new Date(0), rule.keepSeconds, 500]
    )
    const plan = rows.map((row) => row['QUERY PLAN']).join('\n')
    const scan = /(Index|Seq|Bitmap)[\w ]* Scan (using \w+ )?on \w+/.exec(plan)?.[0] ?? plan
    console.log(`${rule.table}: ${plan.includes('Seq Scan') ? 'SEQ SCAN' : scan}`)
  }
}

async function isEmpty(database: pg.Client): Promise<boolean> {
  const last = PURGE_RULES.at(-1)!
  const { rowCount } = await database.query(
    `SELECT FROM ${last.table} WHERE ${last.endsAt} < '2021-01-01' LIMIT 1`
  )
  return rowCount === 0
}

/** Logs in again and again, two at a time, and gives what each took in ms. */
async function logins(
  app: App,
  isOver: (startedAtMs: number) => Promise<boolean>
): Promise<number[]> {
  const startedAtMs = performance.now()
  const took: number[] = []
  let over = false
  let next = 0
  const one = async () => {
    while (!over) {
      const askedAtMs = performance.now()
      const { statusCode } = await app.inject({
        method: 'POST',
        url: '/auth/login',
        body: person(next++)
      })
      took.push(performance.now() - askedAtMs)
      if (statusCode !== 200) throw new Error(`login: ${statusCode}`)
      over ||= await isOver(startedAtMs)
    }
  }
  await Promise.all([one(), one()])
  return took
}

function tell(when: string, took: number[]): void {
  const sorted = took.toSorted((a, b) => a - b)
  const at = (share: number) => (sorted[Math.floor(sorted.length * share)] ?? 0).toFixed(1)
  console.log(
    `${when}: ${sorted.length} logins, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, max ${at(0.9999)} ms`
  )
}
