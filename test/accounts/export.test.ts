import t from 'tap'
import { startApp } from '../support/app.ts'
import { freshEmail, givenSession, mailTo, PASSWORD } from '../support/builders.ts'

const app = await startApp(t)
const EVENTS = 25_000

async function exportOf(accessToken: string) {
  const answer = await app.get('/users/export', accessToken)
  t.equal(answer.statusCode, 200)
  t.match(answer.headers['content-type'], /^application\/json/)
  return answer.json()
}

void t.test('an export of 25,000 events and 1,001 sessions: complete, each once', async (t) => {
  const { user, accessToken, sessionId } = await givenSession(app)
  await app.sql(
    `INSERT INTO audit_event (id, at, type, user_id)
     SELECT gen_random_uuid(), latchkey_now(), 'profile.changed', $1 FROM generate_series(1, $2::int)`,
    [user.id, EVENTS]
  )
  await app.sql(
    `INSERT INTO session (id, user_id, client_id, secret_hash, rotated_at, last_used_at, created_at, expires_at,
                          idle_expires_at, scope, auth_time)
     SELECT gen_random_uuid(), user_id, client_id, '', rotated_at, last_used_at, created_at, expires_at,
            idle_expires_at, scope, auth_time
       FROM session, generate_series(1, 1000) WHERE id = $1`,
    [sessionId]
  )
  const expected = await app.sql<{ id: string }>('SELECT id FROM audit_event WHERE user_id = $1', [
    user.id
  ])
  const { events, sessions } = await exportOf(accessToken)
  const ids = (rows: { id: string }[]) => rows.map(({ id }) => id).sort()
  t.ok(expected.length >= EVENTS)
  t.strictSame(ids(events), ids(expected))
  t.equal(new Set(ids(sessions)).size, 1_001)
  t.equal(sessions.length, 1_001)
})

void t.test('an export: holds the addresses that a person left and asked for', async (t) => {
  const { user, accessToken } = await givenSession(app)
  const next = freshEmail()
  const headers = { authorization: `Bearer ${accessToken}` }
  await app.post('/users/change-email', { email: next, current_password: PASSWORD }, headers)
  await mailTo(app, next)
  const asked = await exportOf(accessToken)
  t.equal(asked.user.email, user.email)
  t.match(asked.addressesAskedFor, [{ email: next, spentAt: null }])
  const token = /token=([\w-]+)/.exec((await mailTo(app, next)).text)?.[1]
  await app.post('/auth/verify-email', { token })
  const left = await exportOf(accessToken)
  t.match(left.formerAddresses, [{ email: user.email }])
})
