import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { readConfig } from '../../src/config.ts'
import { examine } from '../../src/ops/doctor/examine.ts'
import { startApp } from '../support/app.ts'
import { givenSession, givenUser, refresh } from '../support/builders.ts'
import { createEmptyDatabase, createTestDatabase } from '../support/database.ts'
import { basic, givenAdmin, givenClient, givenCode, redeem } from '../support/oauth.ts'
import { startPgBouncer } from '../support/pgbouncer.ts'
import { openDatabase } from '../support/raw-database.ts'
import { freePort, startServer } from '../support/server.ts'
import { startInVain } from '../support/start.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const ADVISORY_LOCKS = `
  SELECT objid FROM pg_locks WHERE locktype = 'advisory'
     AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`
const UNNAMED = { DATABASE_NAMED_STATEMENTS: 'false' }

/** A database behind a PgBouncer that has fewer connections than one server asks for. */
async function givenBouncer(t: Test, { url: direct }: { url: string }) {
  const { url } = await startPgBouncer(t, direct, { poolSize: 3 })
  return { direct, url }
}

void t.test('the main job through PgBouncer in transaction mode: all of it works', async (t) => {
  const { direct, url } = await givenBouncer(t, await createTestDatabase(t))
  // Whose connection it is must not matter to how times are read.
  const name = new URL(direct).pathname.slice(1)
  const { sql } = await openDatabase(t, direct)
  await sql(`ALTER DATABASE ${name} SET TimeZone = 'Asia/Tokyo'`)
  const app = await startApp(t, { DATABASE_URL: url, ...UNNAMED })
  const people = await Promise.all(Array.from({ length: 4 }, () => givenUser(app)))
  const sessions = await Promise.all(people.map((user) => givenSession(app, user)))
  const rotated = await Promise.all(
    sessions.map(async ({ refreshToken }) => {
      const answers = await Promise.all([refresh(app, refreshToken), refresh(app, refreshToken)])
      return answers.map((answer) => answer.json().refresh_token as string)
    })
  )
  for (const [one, other] of rotated) t.equal(one, other, 'one rotation, however many ask')
  for (const [token = ''] of rotated) t.equal((await refresh(app, token)).statusCode, 200)
  const { accessToken } = sessions[0]!
  const headers = { authorization: `Bearer ${accessToken}` }
  t.equal((await app.post('/auth/logout', undefined, headers)).statusCode, 200)
  t.equal((await app.get('/verify-token', accessToken)).statusCode, 401)

  const client = await givenClient(app)
  const grant = await givenCode(app, client, { scope: 'openid email' })
  const tokens = await redeem(app, client, grant)
  t.equal(tokens.statusCode, 200, tokens.body)
  const body = { token: tokens.json().refresh_token as string }
  t.equal((await introspect(app, body, basic(client))).active, true)

  const admin = await givenAdmin(app)
  t.equal((await app.get('/admin/users?limit=100', admin)).json().users.length >= 5, true)
  const { events } = (await app.get('/admin/audit-logs', admin)).json()
  const [{ at }] = events
  t.ok(Math.abs(Date.parse(at) - Date.now()) < 600_000, 'times are UTC')
  const findings = await examine({ ...app.env, ...UNNAMED })
  const errors = findings.filter(({ level }) => level === 'error')
  t.strictSame(
    errors.map(({ check }) => check),
    ['durability'],
    'as everywhere in these tests'
  )
})

async function introspect(
  app: Awaited<ReturnType<typeof startApp>>,
  body: Record<string, string>,
  headers: Record<string, string>
) {
  const payload = new URLSearchParams(body).toString()
  const type = { 'content-type': 'application/x-www-form-urlencoded' }
  const url = '/oauth/introspect'
  return (
    await app.app.inject({ method: 'POST', url, headers: { ...type, ...headers }, payload })
  ).json()
}

void t.test(
  'named statements through it: a server does not start, and says what to set',
  async (t) => {
    const { url } = await givenBouncer(t, await createTestDatabase(t))
    const env = { DATABASE_URL: url, KEY_ENCRYPTION_KEY: 'ab'.repeat(32) }
    const { code, output } = await startInVain(t, { ...env, PORT: String(await freePort()) })
    t.equal(code, 1)
    t.match(output, /PgBouncer in transaction mode.* Set DATABASE_NAMED_STATEMENTS=false\./)
    const findings = await examine(env)
    t.match(findings, [
      {},
      { check: 'postgres', level: 'error', says: /DATABASE_NAMED_STATEMENTS=false/ }
    ])
  }
)

void t.test(
  'migrations through it: refused before anything is locked; a direct way is named',
  async (t) => {
    const { direct, url } = await givenBouncer(t, await createEmptyDatabase(t))
    const migrate = (env: Record<string, string>) =>
      spawnSync(process.execPath, ['scripts/migrate.ts'], { cwd: ROOT, env, encoding: 'utf8' })
    const refused = migrate({ DATABASE_URL: url })
    t.equal(refused.status, 1)
    t.match(refused.stderr, /set DATABASE_DIRECT_URL to Postgres itself/)
    const { sql } = await openDatabase(t, direct)
    t.strictSame(await sql(ADVISORY_LOCKS), [])
    const env = { DATABASE_URL: url, DATABASE_DIRECT_URL: direct }
    t.equal(migrate(env).status, 0)
    t.match(migrate({ DATABASE_URL: url }).stdout, 'the database is up to date')

    const { post } = await startServer(t, {
      ...env,
      ...UNNAMED,
      KEY_ENCRYPTION_KEY: 'ab'.repeat(32)
    })
    const answer = await post('/auth/login', {
      email: 'nobody@example.com',
      password: 'no such person'
    })
    t.equal(answer.status, 401)
    t.equal(readConfig({ ...env, ...UNNAMED }).databaseNamedStatements, false)
  }
)
