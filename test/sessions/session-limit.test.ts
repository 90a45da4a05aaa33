import t from 'tap'
import { startApp } from '../support/app.ts'
import { claimsOf, givenUser, PASSWORD, refresh } from '../support/builders.ts'
import { atOnce, statuses } from '../support/registrations.ts'

const LIMIT = 3
const app = await startApp(t, {
  SESSIONS_PER_USER: String(LIMIT),
  ARGON2_QUEUE_LENGTH: '1000',
  ARGON2_WAIT_MS: '60000'
})

async function login(email: string) {
  const answer = await app.post('/auth/login', { email, password: PASSWORD })
  return answer
}

async function liveSessions(userId: string): Promise<string[]> {
  const rows = await app.sql<{ id: string }>(
    'SELECT id FROM session WHERE user_id = $1 AND revoked_at IS NULL',
    [userId]
  )
  return rows.map(({ id }) => id)
}

void t.test('a login too many: ends the least recently used session, at once', async (t) => {
  const user = await givenUser(app)
  const pairs = []
  for (let i = 0; i < LIMIT; i += 1) pairs.push((await login(user.email)).json())
  const [first, second] = pairs as { access_token: string; refresh_token: string }[]
  t.equal((await refresh(app, first!.refresh_token)).statusCode, 200, 'the oldest is in use')
  const last = (await login(user.email)).json()
  const ended = claimsOf(second!.access_token)['sid'] as string
  t.equal((await app.get('/verify-token', second!.access_token)).statusCode, 401, 'announced')
  t.equal((await refresh(app, second!.refresh_token)).statusCode, 401)
  t.equal((await app.get('/verify-token', first!.access_token)).statusCode, 200)
  t.equal((await app.get('/verify-token', last.access_token)).statusCode, 200)
  const [row] = await app.sql('SELECT revoke_reason FROM session WHERE id = $1', [ended])
  t.strictSame(row, { revoke_reason: 'session_limit' })
  const events = await app.sql(
    "SELECT user_id, details FROM audit_event WHERE type = 'session.ended' AND session_id = $1",
    [ended]
  )
  t.strictSame(events, [{ user_id: user.id, details: { reason: 'session_limit' } }])
})

void t.test('sessions that have ended or run out: take no room', async (t) => {
  const user = await givenUser(app)
  for (let i = 0; i < LIMIT; i += 1) await login(user.email)
  await app.sql(
    `UPDATE session SET idle_expires_at = latchkey_now() - interval '1 second'
      WHERE id = (SELECT min(id::text)::uuid FROM session WHERE user_id = $1)`,
    [user.id]
  )
  await login(user.email)
  t.equal((await liveSessions(user.id)).length, LIMIT + 1, 'nobody had to go')
})

void t.test('fifty logins at once: no more than the limit live, and they work', async (t) => {
  const user = await givenUser(app)
  const answers = await atOnce(50, () => login(user.email))
  const good = answers.filter(({ statusCode }) => statusCode === 200)
  t.comment(JSON.stringify(statuses(answers)))
  t.ok(good.length > LIMIT)
  t.ok(answers.every(({ statusCode }) => [200, 429].includes(statusCode)))
  const live = await liveSessions(user.id)
  t.equal(live.length, LIMIT)
  const tokens = good.map((answer) => answer.json().access_token as string)
  const open = await Promise.all(tokens.map((token) => app.get('/verify-token', token)))
  t.equal(open.filter(({ statusCode }) => statusCode === 200).length, LIMIT)
})

void t.test(
  'grants of applications: take no room, and end with the login they came of',
  async (t) => {
    const user = await givenUser(app)
    const first = claimsOf((await login(user.email)).json().access_token)['sid'] as string
    const grant = async (scope: string) => {
      const [row] = await app.sql<{ id: string }>(
        `INSERT INTO session (id, user_id, parent_id, client_id, secret_hash, rotated_at, last_used_at,
                            created_at, expires_at, idle_expires_at, scope, auth_time, amr)
       SELECT gen_random_uuid(), user_id, id, 'some-app', sha256($2::text::bytea), rotated_at,
              last_used_at, created_at, expires_at, idle_expires_at, $2, auth_time, amr
         FROM session WHERE id = $1 RETURNING id`,
        [first, scope]
      )
      return row!.id
    }
    const bound = await grant('openid')
    const offline = await grant('openid offline_access')
    for (let i = 1; i < LIMIT; i += 1) await login(user.email)
    t.equal((await liveSessions(user.id)).length, LIMIT + 2, 'nobody had to go')
    await login(user.email)
    const live = await liveSessions(user.id)
    t.notOk(live.includes(first))
    t.notOk(live.includes(bound), 'a grant without offline_access')
    t.ok(live.includes(offline))
  }
)
