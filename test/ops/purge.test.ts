import t from 'tap'
import { KEPT, PURGE_RULES, type PurgeRule } from '../../src/ops/purge-rules.ts'
import { readFile } from 'node:fs/promises'
import { startApp, type TestApp } from '../support/app.ts'
import { givenSession, givenUser, mailTo } from '../support/builders.ts'
import { eventually } from '../support/eventually.ts'
import { insertEnding } from '../support/expired-rows.ts'
import { login } from '../support/registrations.ts'

const EVERY_SECOND = { PURGE_INTERVAL_SECONDS: '1' }
const ROWS = 20
/** Of one table there is more than one batch holds. */
const rowsOf = ({ table }: PurgeRule) => (table === 'registration' ? 1_201 : ROWS)

/** Rows that ended `seconds` before the rule lets go of them (after it, where negative). */
async function insert(app: TestApp, rule: PurgeRule, rows: number, seconds: number) {
  const endsAt = new Date(app.app.clock.now().getTime() - (rule.keepSeconds + seconds) * 1_000)
  const isSpentDevice =
    rule.table === 'device_authorization' && rule.only === 'spent_at IS NOT NULL'
  const kind = isSpentDevice ? 'spent_device' : rule.table
  await app.sql(insertEnding(rule.table, rows, kind), [endsAt])
}

async function countOf(
  app: TestApp,
  { table, endsAt, only = 'TRUE' }: PurgeRule,
  olderThanSeconds: number
) {
  const [row] = await app.sql<{ rows: number }>(
    `SELECT count(*)::int AS rows FROM ${table}
      WHERE ${endsAt} < latchkey_now() - make_interval(secs => $1) AND ${only}`,
    [olderThanSeconds]
  )
  return row!.rows
}

/** What the replica says that it deleted. */
async function purgedBy(app: TestApp, table: string): Promise<number> {
  const { body } = await app.get('/metrics')
  return Number(
    new RegExp(`^latchkey_purged_rows_total{table="${table}"} (\\d+)`, 'm').exec(body)?.[1] ?? 0
  )
}

void t.test(
  'two replicas, rows that have ended: each is deleted once, the others stay',
  async (t) => {
    const first = await startApp(t)
    await givenUser(first)
    for (const rule of PURGE_RULES) {
      await insert(first, rule, rowsOf(rule), 60)
      await insert(first, rule, 3, -60)
    }
    const replicas = [
      await startApp(t, { ...first.env, ...EVERY_SECOND }),
      await startApp(t, { ...first.env, ...EVERY_SECOND })
    ]
    const last = PURGE_RULES.at(-1)!
    await eventually(
      'the last table',
      async () => (await countOf(first, last, last.keepSeconds)) === 0,
      30_000
    )
    for (const rule of PURGE_RULES) {
      t.equal(await countOf(first, rule, rule.keepSeconds), 0, `${rule.table}: gone`)
      t.equal(await countOf(first, rule, rule.keepSeconds - 120), 3, `${rule.table}: not yet`)
      const told = await Promise.all(replicas.map((app) => purgedBy(app, rule.table)))
      const inserted = PURGE_RULES.filter(({ table }) => table === rule.table)
        .map(rowsOf)
        .reduce((sum, rows) => sum + rows, 0)
      t.equal(told[0]! + told[1]!, inserted, `${rule.table}: told once`)
    }
  }
)

void t.test('what still lives, purged beside: stays, and works', async (t) => {
  const app = await startApp(t, EVERY_SECOND)
  const { user, accessToken } = await givenSession(app)
  await app.post('/auth/forgot-password', { email: user.email })
  await mailTo(app, user.email, /Reset/)
  await app.sql(insertEnding('registration', 1), [new Date(0)])
  await eventually('a round', async () => (await purgedBy(app, 'registration')) === 1)
  await eventually('its end', async () =>
    /purged_rows_total{table="outbox_message"}/.test((await app.get('/metrics')).body)
  )
  t.equal((await app.get('/auth/me', accessToken)).statusCode, 200)
  const [left] = await app.sql(
    `SELECT (SELECT count(*)::int FROM session) AS sessions, (SELECT count(*)::int FROM one_time_token) AS tokens,
            (SELECT count(*) > 0 FROM outbox_message) AS mails, (SELECT count(*) > 0 FROM attempt_counter) AS counters`
  )
  t.strictSame(left, { sessions: 1, tokens: 1, mails: true, counters: true })
})

void t.test('a mail not sent yet, long after its end: waits until it is given up', async (t) => {
  const app = await startApp(t, EVERY_SECOND)
  const long = new Date(0)
  await app.sql(insertEnding('outbox_message', 2), [long])
  await app.sql(`UPDATE outbox_message SET sent_at = NULL, payload_sealed = '\\x00'`)
  await eventually(
    'parked, then purged',
    async () => (await app.sql('SELECT FROM outbox_message')).length === 0
  )
  t.equal(await purgedBy(app, 'outbox_message'), 2)
})

void t.test(
  'a person whose old sessions were purged: is still told about a new device',
  async (t) => {
    const app = await startApp(t)
    const { user } = await givenSession(app)
    await app.sql('DELETE FROM session')
    const headers = { 'user-agent': 'another one' }
    const body = { email: user.email, password: user.password, device: 'a stranger’s phone' }
    t.equal((await app.post('/auth/login', body, headers)).statusCode, 200)
    t.match((await mailTo(app, user.email, /new/i)).text, /stranger’s phone/)
    t.equal((await login(app, user.email)).statusCode, 200)
  }
)

void t.test(
  'every table, walked: what expires is purged by an index, or named as kept',
  async (t) => {
    const { sql } = await startApp(t)
    const expiring = await sql<{ table: string; column: string }>(
      `SELECT table_name AS table, column_name AS column FROM information_schema.columns
      WHERE table_schema = 'public' AND column_name ~ '(^|_)(expires|ends)_at$' AND column_name <> 'idle_expires_at'`
    )
    t.ok(expiring.length > 5)
    for (const { table, column } of expiring) {
      const rule = PURGE_RULES.find((known) => known.table === table)
      t.ok(rule?.endsAt === column || KEPT[table] !== undefined, `${table}.${column}`)
    }
    const documented = await readFile('docs/operations.md', 'utf8')
    for (const { table, endsAt } of PURGE_RULES) {
      const indexes = await sql(
        `SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
        WHERE i.indrelid = $1::regclass AND a.attname = $2 AND i.indpred IS NULL`,
        [table, endsAt]
      )
      t.equal(indexes.length, 1, `${table} has an index on ${endsAt}`)
      t.ok(documented.includes(`| \`${table}\` |`), `${table} is documented`)
    }
  }
)
