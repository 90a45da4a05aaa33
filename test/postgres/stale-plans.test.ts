import t, { type Test } from 'tap'
import { startApp, type TestApp } from '../support/app.ts'
import { givenSession, givenUser, PASSWORD, refresh } from '../support/builders.ts'
import { createTestDatabase } from '../support/database.ts'
import { eventually } from '../support/eventually.ts'
import { givenClient, givenCode, openBrowser, redeem, type TestClient } from '../support/oauth.ts'
import { openDatabase } from '../support/raw-database.ts'

/** More than anybody needs to read here, and less than one whole table has. */
const ROWS = 5_000
/** A connection has planned a named statement for good after five. */
const TIMES = 8

const NEW_ID = `'id', gen_random_uuid()`
const newBytes = (column: string) => `'${column}', '\\x' || encode(sha256(n::text::bytea), 'hex')`

/** Each table grows by copies of a row that it has, of which no statistics know: what is new in each. */
const NEW_IN = {
  users: [NEW_ID, newBytes('email_index'), `'email_index_next', NULL, 'username', NULL`],
  session: [NEW_ID],
  outbox_message: [NEW_ID, `'sent_at', latchkey_now(), 'payload_sealed', NULL`],
  one_time_token: [NEW_ID, newBytes('token_hash'), newBytes('email_index')],
  registration: [NEW_ID, newBytes('email_index')],
  known_device: [NEW_ID, newBytes('nonce_hash')],
  authorization_code: [newBytes('code_hash')],
  guess_lane: [newBytes('key')],
  attempt_counter: [newBytes('key')]
}

async function grow(sql: (text: string) => Promise<unknown>): Promise<void> {
  for (const [table, columns] of Object.entries(NEW_IN)) {
    await sql(`
      INSERT INTO ${table}
      SELECT (jsonb_populate_record(one.row, jsonb_build_object(${columns.join(', ')}))).*
        FROM (SELECT ${table} AS row FROM ${table} LIMIT 1) AS one, generate_series(1, ${ROWS}) AS n`)
  }
  await sql(
    `INSERT INTO audit_key (user_id, sealed_key) SELECT id, '\\x00' FROM users ON CONFLICT DO NOTHING`
  )
  await sql('SELECT pg_stat_force_next_flush()')
  await sql('SELECT pg_stat_reset()')
}

const OTHERS = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`

/** What people do all day, often enough that its plans stand. */
async function work(t: Test, app: TestApp, client: TestClient) {
  const user = await givenUser(app)
  const browser = openBrowser(app)
  await browser.login(user)
  for (let n = 0; n < TIMES; n += 1) {
    const { email, password } = user
    const wrong = await app.post('/auth/login', { email, password: `${PASSWORD}!` })
    const right = await app.post('/auth/login', { email, password })
    const rotated = await refresh(app, right.json().refresh_token as string)
    const code = await givenCode(app, client, {}, { browser, user })
    const traded = await redeem(app, client, code)
    const profile = await app.get('/users/profile', rotated.json().access_token as string)
    const answers = [wrong, right, rotated, traded, profile]
    t.strictSame(
      answers.map(({ statusCode }) => statusCode),
      [401, 200, 200, 200, 200]
    )
  }
  const many = []
  for (let n = 0; n < 12; n += 1) many.push(await givenSession(app))
  const rotated = await Promise.all(many.map(({ refreshToken }) => refresh(app, refreshToken)))
  t.ok(rotated.every(({ statusCode }) => statusCode === 200))
  for (const { accessToken } of many) {
    const headers = { authorization: `Bearer ${accessToken}` }
    const listed = await app.get('/users/sessions', accessToken)
    const ended = await app.post('/auth/logout', undefined, headers)
    t.strictSame([listed.statusCode, ended.statusCode], [200, 200])
  }
}

void t.test('tables that grow faster than their statistics: nobody reads one whole', async (t) => {
  const { url } = await createTestDatabase(t)
  const { sql } = await openDatabase(t, url)
  await sql(`DO $$ DECLARE t regclass; BEGIN
    FOR t IN SELECT oid FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
    LOOP EXECUTE format('ALTER TABLE %s SET (autovacuum_enabled = off)', t); END LOOP; END $$`)
  await sql('VACUUM ANALYZE')
  const app = await startApp(t, { DATABASE_URL: url, DATABASE_POOL_SIZE: '2' })
  const client = await givenClient(app)

  await work(t, app, client)
  await grow(sql)
  await work(t, app, client)
  await app.close()
  // What a connection has read is known when it has ended.
  await eventually('no connection but ours', async () => (await sql(OTHERS)).length === 0)

  const whole = await sql(
    `SELECT relname, seq_scan, seq_tup_read, n_live_tup FROM pg_stat_user_tables WHERE seq_tup_read >= $1`,
    [ROWS]
  )
  t.strictSame(whole, [])
  const indexes = await sql(
    `SELECT indexrelname, idx_scan, idx_tup_read FROM pg_stat_user_indexes WHERE idx_tup_read >= $1`,
    [ROWS]
  )
  t.strictSame(indexes, [])
})
