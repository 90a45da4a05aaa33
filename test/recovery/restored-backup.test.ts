import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { startApp, type TestApp } from '../support/app.ts'
import { freshEmail, givenSession, givenUser, PASSWORD, refresh } from '../support/builders.ts'
import { cloneDatabase, createTestDatabase } from '../support/database.ts'

const KEY_ENCRYPTION_KEY = randomBytes(32).toString('hex')
const ROOT = join(import.meta.dirname, '..', '..')

/** A server, its backup, and tokens that are two generations ahead of what the backup knows. */
async function givenRestoredBackup(t: Test) {
  const original = (await createTestDatabase(t)).url
  const before = await startApp(t, { DATABASE_URL: original, KEY_ENCRYPTION_KEY })
  const session = await givenSession(before)
  await before.close()
  // Nobody takes its mail: that one is unsent in the backup.
  const mute = await startApp(t, {
    DATABASE_URL: original,
    KEY_ENCRYPTION_KEY,
    SMTP_URL: 'smtp://127.0.0.1:1'
  })
  await mute.post('/auth/register', { email: freshEmail(), password: PASSWORD })
  await mute.close()
  const backup = (await cloneDatabase(original, t)).url

  const after = await startApp(t, { DATABASE_URL: original, KEY_ENCRYPTION_KEY })
  const second = (await refresh(after, session.refreshToken)).json().refresh_token as string
  const third = (await refresh(after, second)).json().refresh_token as string
  await after.close()
  return { backup, session, third }
}

async function auditOf(app: TestApp, type: string) {
  return app.sql('SELECT session_id, details FROM audit_event WHERE type = $1', [type])
}

void t.test('a token ahead of a restored row, shown: it works, and is audited', async (t) => {
  const { backup, session, third } = await givenRestoredBackup(t)
  const app = await startApp(t, { DATABASE_URL: backup, KEY_ENCRYPTION_KEY })
  const answer = await refresh(app, third)
  t.equal(answer.statusCode, 200)
  t.equal((await refresh(app, answer.json().refresh_token as string)).statusCode, 200)
  t.strictSame(await auditOf(app, 'session.ahead_of_store'), [
    { session_id: session.sessionId, details: { stored: 0, presented: 2 } }
  ])
  const [row] = await app.sql('SELECT generation, revoked_at FROM session')
  t.strictSame(row, { generation: 4, revoked_at: null })
})

void t.test('a restored backup, recovered: nothing that it vouched for is believed', async (t) => {
  const { backup, session, third } = await givenRestoredBackup(t)
  const recovered = spawnSync(process.execPath, ['scripts/recover.ts'], {
    cwd: ROOT,
    env: { DATABASE_URL: backup, KEY_ENCRYPTION_KEY },
    encoding: 'utf8'
  })
  t.equal(recovered.status, 0, recovered.stderr)
  t.match(
    recovered.stdout,
    /^The database is "\w+" at [^@]+\.\nRecovered: 1 session ended, 1 mail token killed, 1 unsent mail dropped/
  )

  const app = await startApp(t, { DATABASE_URL: backup, KEY_ENCRYPTION_KEY })
  t.equal((await refresh(app, third)).json().code, 'invalid_refresh_token')
  t.equal((await refresh(app, session.refreshToken)).statusCode, 401)
  t.equal((await app.get('/verify-token', session.accessToken)).statusCode, 401, 'its key is gone')
  const [open] = await app.sql(`SELECT
    (SELECT count(*)::int FROM session WHERE revoked_at IS NULL) AS sessions,
    (SELECT count(*)::int FROM one_time_token WHERE spent_at IS NULL) AS tokens,
    (SELECT count(*)::int FROM outbox_message WHERE payload_sealed IS NOT NULL) AS mails`)
  t.strictSame(open, { sessions: 0, tokens: 0, mails: 0 })
  t.equal((await auditOf(app, 'recovery.completed')).length, 1)

  const { email, password } = session.user
  const login = await app.post('/auth/login', { email, password })
  t.equal(login.statusCode, 200, 'accounts and passwords stay')
  t.equal((await app.get('/auth/me', login.json().access_token as string)).statusCode, 200)
  t.ok(await givenUser(app), 'and new people can come')
})
