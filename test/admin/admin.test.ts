import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { startApp } from '../support/app.ts'
import {
  claimsOf,
  freshEmail,
  givenSession,
  givenUser,
  holdLocks,
  mailTo,
  PASSWORD,
  refresh,
  secretsOf,
  type TestUser
} from '../support/builders.ts'
import { eventually } from '../support/eventually.ts'

const app = await startApp(t)

/** `npm run users -- …` on the app's own database, which goes on meanwhile. */
async function users(input: string, ...args: string[]) {
  const { DATABASE_URL, KEY_ENCRYPTION_KEY } = app.env
  const child = spawn(process.execPath, ['scripts/users.ts', ...args], {
    cwd: join(import.meta.dirname, '..', '..'),
    env: { DATABASE_URL, KEY_ENCRYPTION_KEY }
  })
  child.stdin.end(input)
  const [stdout, stderr] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close')
  ])
  return { status: child.exitCode, stdout, stderr }
}

const adminEmail = freshEmail()
const created = await users(`${PASSWORD}\n`, 'create', adminEmail, '--admin', '--password-stdin')
if (created.status !== 0) throw new Error(created.stderr)
const admin = await givenSession(app, { id: '', email: adminEmail, password: PASSWORD })

async function call(
  method: 'GET' | 'POST' | 'PUT' | 'DELETE',
  url: string,
  token = admin.accessToken,
  body?: object
) {
  const headers = { authorization: `Bearer ${token}` }
  return app.app.inject({ method, url, headers, ...(body !== undefined && { body }) })
}

void t.test('the first administrator, made at the command line: has scope and role', async (t) => {
  t.match(claimsOf(admin.accessToken), { roles: ['admin', 'user'], scope: 'account admin' })
  t.match((await users('', 'create', adminEmail)).stderr, 'has an account already')
  t.equal((await givenSession(app)).user.email.length > 0, true)
  const second = await givenSession(app)
  t.match(
    claimsOf(second.accessToken),
    { roles: ['user'], scope: 'account' },
    'nobody is one by being early'
  )
})

void t.test(
  'an ordinary person, at every door of the administrator: 403, and nothing happens',
  async (t) => {
    const { user, accessToken } = await givenSession(app)
    const victim = await givenUser(app)
    const document = (await app.get('/openapi.json')).json()
    const doors = Object.entries<Record<string, unknown>>(document.paths)
      .filter(([path]) => path.startsWith('/admin'))
      .flatMap(([path, operations]) => Object.keys(operations).map((method) => ({ path, method })))
    t.ok(doors.length >= 9)
    for (const { path, method } of doors) {
      for (const id of [user.id, victim.id]) {
        const url = path.replace('{id}', id)
        const verb = method.toUpperCase() as 'GET' | 'POST'
        t.equal(
          (await call(verb, url, accessToken, verb === 'GET' ? undefined : {})).statusCode,
          403,
          `${verb} ${path}`
        )
        t.equal((await app.app.inject({ method: verb, url })).statusCode, 401)
      }
    }
    const [row] = await app.sql('SELECT status, roles FROM users WHERE id = $1', [victim.id])
    t.strictSame(row, { status: 'active', roles: ['user'] })
  }
)

void t.test(
  'people, listed: by page, and found by e-mail, username, status and role',
  async (t) => {
    const person = await givenUser(app, { username: 'findable-person' })
    for (let i = 0; i < 4; i += 1) await givenUser(app)
    const { accessToken: later } = await givenSession(app)
    const seen: string[] = []
    let cursor = ''
    do {
      const page = (await call('GET', `/admin/users?limit=3${cursor}`)).json()
      seen.push(...page.users.map((user: { id: string }) => user.id))
      cursor = page.next_cursor === null ? '' : `&cursor=${page.next_cursor as string}`
    } while (cursor !== '')
    const [total] = await app.sql('SELECT count(*)::int AS n FROM users')
    t.equal(new Set(seen).size, total!['n'])
    t.equal(seen.length, total!['n'])
    const found = async (query: string) =>
      (await call('GET', `/admin/users?${query}`))
        .json()
        .users.map((user: { id: string }) => user.id)
    t.strictSame(await found(`email=${encodeURIComponent(person.email.toUpperCase())}`), [
      person.id
    ])
    const byEmail = `email=${encodeURIComponent(person.email)}`
    for (const other of [
      'status=disabled',
      'role=admin',
      'username=another',
      `cursor=${person.id}`
    ]) {
      t.strictSame(await found(`${byEmail}&${other}`), [], `filters combine: ${other}`)
    }
    const all = `${byEmail}&status=active&role=user&username=findable&cursor=${claimsOf(later)['sub'] as string}`
    t.strictSame(await found(all), [person.id])
    const only = (await call('GET', `/admin/users?limit=1&${byEmail}`)).json()
    t.equal(only.next_cursor, null, 'an address has no second page')
    t.strictSame(await found('username=findable'), [person.id])
    t.strictSame(await found('username=findable&status=active&role=user'), [person.id])
    t.strictSame(await found('username=findable&status=disabled'), [])
    t.strictSame(await found('username=findable&role=admin'), [])
    t.strictSame(await found(`username=findable&cursor=${person.id}`), [], 'that was the last')
    t.strictSame(await found('username=findable_'), [], 'no character stands for others')
    t.strictSame(await found('role=admin'), [claimsOf(admin.accessToken)['sub']])
    t.strictSame(await found('status=disabled'), [])
  }
)

void t.test(
  'a person, disabled and enabled: tokens dead within a second, then a login works again',
  async (t) => {
    const { user, accessToken, refreshToken } = await givenSession(app)
    t.equal((await call('POST', `/admin/users/${user.id}/disable`)).statusCode, 200)
    t.equal((await app.get('/verify-token', accessToken)).statusCode, 401)
    t.equal((await refresh(app, refreshToken)).statusCode, 401)
    const login = async () => app.post('/auth/login', { email: user.email, password: PASSWORD })
    t.equal((await login()).json().code, 'account_disabled')
    t.equal((await call('POST', `/admin/users/${user.id}/enable`)).statusCode, 200)
    t.equal((await login()).statusCode, 200)
  }
)

void t.test('a person, locked out by wrong guesses and unlocked: gets in', async (t) => {
  const { id, email } = await givenUser(app)
  const login = async (password: string) => app.post('/auth/login', { email, password })
  for (let i = 0; i < 7; i += 1) await login('a-wrong-password')
  await holdLocks(app)
  t.equal((await login(PASSWORD)).statusCode, 401)
  await call('POST', `/admin/users/${id}/unlock`)
  t.equal((await login(PASSWORD)).statusCode, 200)
})

void t.test(
  'the same at the command line: gets in, and the trail names the operator',
  async (t) => {
    const { id, email } = await givenUser(app)
    const login = async (password: string) => app.post('/auth/login', { email, password })
    for (let i = 0; i < 7; i += 1) await login('a-wrong-password')
    await holdLocks(app)
    t.equal((await login(PASSWORD)).statusCode, 401)
    t.match(await users('', 'unlock', email), { status: 0, stdout: 'Done; 0 sessions ended.' })
    t.equal((await login(PASSWORD)).statusCode, 200)
    const events = await app.sql(
      `SELECT actor_id, details FROM audit_event WHERE type = 'account.unlocked' AND user_id = $1`,
      [id]
    )
    t.match(events, [{ actor_id: null, details: { by: 'operator' } }])
    t.match(await users('', 'unlock', freshEmail()), { status: 1, stderr: /^There is no account/ })
  }
)

void t.test(
  'a forced reset: sessions end, the password opens nothing until it is reset',
  async (t) => {
    const { user, refreshToken } = await givenSession(app)
    await call('POST', `/admin/users/${user.id}/force-password-reset`)
    t.equal((await refresh(app, refreshToken)).statusCode, 401)
    const login = await app.post('/auth/login', { email: user.email, password: PASSWORD })
    t.equal(login.json().code, 'password_reset_required')
    const wrong = await app.post('/auth/login', { email: user.email, password: 'a-wrong-password' })
    t.equal(wrong.json().code, 'invalid_credentials', 'told only after the right password')
  }
)

/** What an administrator, or an operator, does to an account that a thief is in. */
const STOPS: [string, (user: TestUser) => Promise<unknown>][] = [
  ['a forced reset', ({ id }) => call('POST', `/admin/users/${id}/force-password-reset`)],
  [
    'disabling and enabling',
    async ({ id }) => {
      await call('POST', `/admin/users/${id}/disable`)
      await call('POST', `/admin/users/${id}/enable`)
    }
  ],
  [
    'disabling at the command line, then enabling',
    async ({ id, email }) => {
      await users('', 'disable', email)
      await call('POST', `/admin/users/${id}/enable`)
    }
  ]
]

for (const [what, stop] of STOPS) {
  void t.test(
    `${what}, while a thief holds a mail and a known browser: both are dead`,
    async (t) => {
      const { user, accessToken } = await givenSession(app)
      const thief = freshEmail()
      const headers = { authorization: `Bearer ${accessToken}` }
      const change = { email: thief, current_password: PASSWORD }
      await app.post('/users/change-email', change, headers)
      const { token } = secretsOf(await mailTo(app, thief, /Confirm/))
      await app.post(
        '/auth/login',
        { email: user.email, password: PASSWORD },
        { 'sec-fetch-site': 'same-origin' }
      )
      const devices = async () =>
        app.sql('SELECT id FROM known_device WHERE user_id = $1', [user.id])
      t.equal((await devices()).length, 1)
      await stop(user)
      t.strictSame(await devices(), [])
      const confirmed = await app.post('/auth/verify-email', { token })
      t.equal(confirmed.json().code, 'invalid_token')
      const shown = (await call('GET', `/admin/users/${user.id}`)).json()
      t.equal(shown.user.email, user.email)
    }
  )
}

for (const [state, set] of [
  ['disabled', "status = 'disabled'"],
  ['told to reset', 'must_reset = true']
]) {
  void t.test(`a change of address, confirmed by somebody ${state}: nothing moves`, async (t) => {
    const { user, accessToken } = await givenSession(app)
    const next = freshEmail()
    const change = { email: next, current_password: PASSWORD }
    await app.post('/users/change-email', change, { authorization: `Bearer ${accessToken}` })
    const { token } = secretsOf(await mailTo(app, next, /Confirm/))
    await app.sql(`UPDATE users SET ${set} WHERE id = $1`, [user.id])
    t.equal((await app.post('/auth/verify-email', { token })).json().code, 'invalid_token')
    const shown = (await call('GET', `/admin/users/${user.id}`)).json()
    t.equal(shown.user.email, user.email)
  })
}

void t.test('new roles: show in the next token; unknown ones are refused', async (t) => {
  const { user, refreshToken } = await givenSession(app)
  t.equal(
    (
      await call('PUT', `/admin/users/${user.id}/roles`, admin.accessToken, {
        roles: ['nobody-knows']
      })
    ).statusCode,
    422
  )
  await call('PUT', `/admin/users/${user.id}/roles`, admin.accessToken, {
    roles: ['user', 'admin']
  })
  const next = (await refresh(app, refreshToken)).json().access_token as string
  t.match(claimsOf(next), { roles: ['admin', 'user'], scope: 'account admin' })
  t.equal((await call('GET', '/admin/users', next)).statusCode, 200)
  await call('PUT', `/admin/users/${user.id}/roles`, admin.accessToken, { roles: ['user'] })
  t.equal(
    (await call('GET', '/admin/users', next)).statusCode,
    403,
    'rights are read from Postgres'
  )
})

void t.test('an administrator, against themselves: refused', async (t) => {
  const me = claimsOf(admin.accessToken)['sub'] as string
  t.equal((await call('POST', `/admin/users/${me}/disable`)).json().code, 'not_yourself')
  t.equal((await call('DELETE', `/admin/users/${me}`)).json().code, 'not_yourself')
  t.equal(
    (await call('PUT', `/admin/users/${me}/roles`, admin.accessToken, { roles: ['user'] }))
      .statusCode,
    409
  )
})

void t.test('one person, looked at and erased: sessions and events, then nothing', async (t) => {
  const { user, sessionId } = await givenSession(app)
  const shown = (await call('GET', `/admin/users/${user.id}`)).json()
  t.equal(shown.user.email, user.email)
  t.strictSame(
    shown.sessions.map((session: { id: string }) => session.id),
    [sessionId]
  )
  t.ok(shown.events.some((event: { type: string }) => event.type === 'login.succeeded'))
  t.equal((await call('DELETE', `/admin/users/${user.id}`)).statusCode, 200)
  t.equal((await call('GET', `/admin/users/${user.id}`)).statusCode, 404)
})

void t.test('the audit trail: filtered, by page, and as CSV', async (t) => {
  const { user } = await givenSession(app)
  const { events } = (await call('GET', `/admin/audit-logs?user_id=${user.id}`)).json()
  t.strictSame(
    events.map((event: { type: string }) => event.type),
    ['login.succeeded', 'account.verified', 'account.registered']
  )
  t.equal(events[0].address, '127.0.0.1')
  const page = (await call('GET', '/admin/audit-logs?limit=2&type=login.succeeded')).json()
  t.equal(page.events.length, 2)
  const rest = (
    await call(
      'GET',
      `/admin/audit-logs?limit=2&type=login.succeeded&cursor=${page.next_cursor as string}`
    )
  ).json()
  t.ok(rest.events[0].id < page.events[1].id)
  const csv = await call('GET', `/admin/audit-logs?format=csv&user_id=${user.id}`)
  t.match(csv.headers['content-type'], 'text/csv')
  t.equal(csv.body.trim().split('\r\n').length, 4)
})

void t.test(
  'roles and disabling, at the command line: take effect in a running server',
  async (t) => {
    const { user, accessToken, refreshToken } = await givenSession(app)
    t.match((await users('', 'role', user.email, 'nonsense')).stderr, 'There is no role nonsense')
    t.equal((await users('', 'role', user.email, 'admin', 'user')).status, 0)
    const next = (await refresh(app, refreshToken)).json().access_token as string
    t.match(claimsOf(next), { roles: ['admin', 'user'] })
    t.equal((await users('', 'disable', user.email)).status, 0)
    await eventually(
      'the token is refused',
      async () => (await app.get('/verify-token', accessToken)).statusCode === 401,
      2_000
    )
  }
)
