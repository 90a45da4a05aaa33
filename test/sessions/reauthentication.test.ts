import t from 'tap'
import { startApp } from '../support/app.ts'
import {
  claimsOf,
  givenSession,
  givenUser,
  holdLocks,
  PASSWORD,
  refresh
} from '../support/builders.ts'
import { atOnce } from '../support/registrations.ts'
import { bearer } from '../support/server-sessions.ts'

const app = await startApp(t, { ARGON2_QUEUE_LENGTH: '1000', ARGON2_WAIT_MS: '60000' })

async function givenAdmin() {
  const user = await givenUser(app)
  await app.sql(`UPDATE users SET roles = '{admin,user}' WHERE id = $1`, [user.id])
  return givenSession(app, user)
}

async function reauthenticate(token: string, password: string = PASSWORD) {
  return app.post('/auth/reauthenticate', { password }, bearer(token))
}

async function disable(token: string, id: string) {
  return app.post(`/admin/users/${id}/disable`, undefined, bearer(token))
}

async function statusOf(id: string) {
  const [row] = await app.sql<{ status: string }>('SELECT status FROM users WHERE id = $1', [id])
  return row?.status
}

void t.test('an administrator’s act, with a login too old: 401 as RFC 9470 has it', async (t) => {
  const admin = await givenAdmin()
  const victim = await givenUser(app)
  await app.moveTime(301)
  t.teardown(() => app.moveTime(0))
  const answer = await disable(admin.accessToken, victim.id)
  t.equal(answer.statusCode, 401)
  t.equal(answer.json().code, 'insufficient_user_authentication')
  t.equal(
    answer.headers['www-authenticate'],
    'Bearer error="insufficient_user_authentication", error_description="A more recent login is required", max_age="300"'
  )
  t.equal(await statusOf(victim.id), 'active', 'and nothing happened')
  const document = (await app.get('/openapi.json')).json()
  for (const [path, operations] of Object.entries<object>(document.paths)) {
    if (!path.startsWith('/admin')) continue
    for (const method of Object.keys(operations)) {
      const { statusCode } = await app.app.inject({
        method: method.toUpperCase() as 'GET',
        url: path.replace('{id}', victim.id),
        headers: bearer(admin.accessToken),
        ...(method === 'put' && { body: { roles: [] } })
      })
      t.equal(statusCode === 401, method !== 'get', `${method} ${path} answers ${statusCode}`)
    }
  }
})

void t.test('the password, shown again: the same session with a new auth_time', async (t) => {
  const admin = await givenAdmin()
  const victim = await givenUser(app)
  await app.moveTime(301)
  t.teardown(() => app.moveTime(0))
  const answer = await reauthenticate(admin.accessToken)
  t.equal(answer.statusCode, 200)
  t.strictSame(Object.keys(answer.json()).sort(), ['access_token', 'expires_in', 'token_type'])
  const token = answer.json().access_token as string
  const [before, after] = [claimsOf(admin.accessToken), claimsOf(token)]
  t.equal(after['sid'], before['sid'])
  t.ok(Number(after['auth_time']) - Number(before['auth_time']) >= 300)
  t.equal((await disable(admin.accessToken, victim.id)).statusCode, 401, 'the old token is old')
  t.equal((await disable(token, victim.id)).statusCode, 200)
  t.equal(await statusOf(victim.id), 'disabled')
  const next = claimsOf((await refresh(app, admin.refreshToken)).json().access_token as string)
  t.equal(next['auth_time'], after['auth_time'], 'a refresh keeps it')
  const events = await app.sql(
    "SELECT user_id FROM audit_event WHERE type = 'session.reauthenticated' AND session_id = $1",
    [admin.sessionId]
  )
  t.strictSame(events, [{ user_id: admin.user.id }])
})

void t.test(
  'a wrong password: 401, no new token, and it counts for the account, as at the login',
  async (t) => {
    const { user, accessToken, sessionId } = await givenSession(app)
    const answers = await atOnce(12, (i) => reauthenticate(accessToken, `wrong-guess-number-${i}`))
    t.ok(answers.every((answer) => answer.json().code === 'invalid_credentials'))
    await holdLocks(app)
    t.equal((await reauthenticate(accessToken)).statusCode, 401, 'the right one is not looked at')
    t.equal(
      (await app.post('/auth/login', { email: user.email, password: PASSWORD })).statusCode,
      401,
      'nor is it at the login'
    )
    const [session] = await app.sql<{ same: boolean }>(
      'SELECT auth_time = created_at AS same FROM session WHERE id = $1',
      [sessionId]
    )
    t.ok(session?.same)
  }
)

void t.test('a session that ended meanwhile: no token', async (t) => {
  const { accessToken, sessionId } = await givenSession(app)
  await app.sql('UPDATE session SET revoked_at = latchkey_now() WHERE id = $1', [sessionId])
  const answer = await reauthenticate(accessToken)
  t.equal(answer.json().code, 'invalid_access_token')
})

void t.test('acts that show the password themselves, with an old login: done', async (t) => {
  const { user, accessToken } = await givenSession(app)
  await app.moveTime(400)
  t.teardown(() => app.moveTime(0))
  const change = { current_password: PASSWORD, new_password: 'granite-otter-77-meadow' }
  const answer = await app.post('/users/change-password', change, bearer(accessToken))
  t.equal(answer.statusCode, 200)
  const login = { email: user.email, password: change.new_password }
  t.equal((await app.post('/auth/login', login)).statusCode, 200)
})
