import t from 'tap'
import { startApp } from '../support/app.ts'
import {
  freshEmail,
  givenSession,
  givenUser,
  mailTo,
  PASSWORD,
  refresh
} from '../support/builders.ts'
import { eventually } from '../support/eventually.ts'
import { openDatabase } from '../support/raw-database.ts'

const app = await startApp(t)

async function call(
  method: 'GET' | 'PUT' | 'DELETE',
  url: string,
  accessToken: string,
  body?: object
) {
  const headers = { authorization: `Bearer ${accessToken}` }
  return app.app.inject({ method, url, headers, ...(body !== undefined && { body }) })
}

void t.test(
  'a profile, changed: answered and kept; what was left out stays, null clears',
  async (t) => {
    const { accessToken } = await givenSession(app)
    const form = {
      name: 'Ada',
      surname: 'Lovelace',
      phone_number: '+4930123456',
      locale: 'en-GB',
      username: 'ada.l'
    }
    t.match((await call('PUT', '/users/profile', accessToken, form)).json().user, form)
    await call('PUT', '/users/profile', accessToken, { surname: null })
    const { user } = (await call('GET', '/users/profile', accessToken)).json()
    t.match(user, { ...form, surname: null })
  }
)

void t.test('rights and identity, in a profile: refused, and nothing has changed', async (t) => {
  const { accessToken } = await givenSession(app)
  for (const field of ['roles', 'email', 'email_verified', 'status', 'id', 'role']) {
    const answer = await call('PUT', '/users/profile', accessToken, { [field]: ['admin'] })
    t.equal(answer.statusCode, 422, field)
  }
  t.strictSame((await call('GET', '/users/profile', accessToken)).json().user.roles, ['user'])
})

void t.test('a username, moved by fifty people at once to one name: one gets it', async (t) => {
  const sessions = await Promise.all(Array.from({ length: 8 }, () => givenSession(app)))
  const answers = await Promise.all(
    sessions.map(({ accessToken }) =>
      call('PUT', '/users/profile', accessToken, { username: 'the-one' })
    )
  )
  t.equal(answers.filter(({ statusCode }) => statusCode === 200).length, 1)
  t.equal(answers.filter(({ statusCode }) => statusCode === 409).length, 7)
  const rows = await app.sql(`SELECT id FROM users WHERE username = 'the-one'`)
  t.equal(rows.length, 1)
})

void t.test('a username that was given up: is free again', async (t) => {
  const first = await givenSession(app)
  const second = await givenSession(app)
  await call('PUT', '/users/profile', first.accessToken, { username: 'passed-on' })
  t.equal(
    (await call('PUT', '/users/profile', second.accessToken, { username: 'passed-on' })).statusCode,
    409
  )
  await call('PUT', '/users/profile', first.accessToken, { username: null })
  t.equal(
    (await call('PUT', '/users/profile', second.accessToken, { username: 'passed-on' })).statusCode,
    200
  )
})

void t.test(
  'an export: holds profile, sessions and events of this person, and of nobody else',
  async (t) => {
    const { user, accessToken, sessionId } = await givenSession(app)
    await givenSession(app)
    const data = (await call('GET', '/users/export', accessToken)).json()
    t.equal(data.user.email, user.email)
    t.strictSame(
      data.sessions.map((session: { id: string }) => session.id),
      [sessionId]
    )
    t.ok(data.events.length > 0)
    t.ok(data.events.every((event: { userId: string }) => event.userId === user.id))
  }
)

void t.test(
  'an account, erased with its password: gone, tokens dead, trail keeps the bare id',
  async (t) => {
    const { user, accessToken, refreshToken } = await givenSession(app)
    await call('PUT', '/users/profile', accessToken, { username: 'soon-gone' })
    const wrong = await call('DELETE', '/users/delete-account', accessToken, {
      password: 'not-mine-at-all'
    })
    t.equal(wrong.statusCode, 401)
    const answer = await call('DELETE', '/users/delete-account', accessToken, {
      password: PASSWORD
    })
    t.equal(answer.statusCode, 200)
    t.equal((await app.get('/verify-token', accessToken)).statusCode, 401)
    t.equal((await refresh(app, refreshToken)).statusCode, 401)
    const [left] = await app.sql(
      `SELECT (SELECT count(*)::int FROM users WHERE id = $1) AS users,
            (SELECT count(*)::int FROM session WHERE user_id = $1) AS sessions,
            (SELECT count(*)::int FROM username WHERE holder_id = $1) AS usernames,
            (SELECT count(*)::int FROM audit_event WHERE user_id = $1 AND type = 'account.erased') AS trail`,
      [user.id]
    )
    t.strictSame(left, { users: 0, sessions: 0, usernames: 0, trail: 1 })
    t.ok(await mailTo(app, user.email, /erased/))
    const again = await app.post('/auth/register', { email: user.email, password: PASSWORD })
    t.equal(again.statusCode, 201, 'and the address is free again')
  }
)

void t.test('an erasure, while an administrator stops the person: the person stays', async (t) => {
  const { user, accessToken } = await givenSession(app)
  const administrator = await openDatabase(t, app.databaseUrl)
  await administrator.sql('BEGIN')
  await administrator.sql('UPDATE users SET must_reset = true WHERE id = $1', [user.id])
  const erasing = call('DELETE', '/users/delete-account', accessToken, { password: PASSWORD })
  await eventually('the erasure waits for the row', async () => {
    const [{ n } = { n: 0 }] = await app.sql<{ n: number }>(
      'SELECT count(*)::int AS n FROM pg_locks WHERE NOT granted'
    )
    return n > 0
  })
  await administrator.sql('COMMIT')
  const answer = await erasing
  t.equal(answer.json().code, 'invalid_credentials')
  t.equal((await app.sql('SELECT id FROM users WHERE id = $1', [user.id])).length, 1)
})

void t.test(
  'a new address: confirmed there, announced at the old one, which can take it back',
  async (t) => {
    const { user, accessToken, refreshToken } = await givenSession(app)
    const next = freshEmail()
    const body = { email: next, current_password: PASSWORD }
    const headers = { authorization: `Bearer ${accessToken}` }
    t.equal((await app.post('/users/change-email', body, headers)).statusCode, 200)
    const confirm = /token=([\w-]+)/.exec((await mailTo(app, next, /Confirm/)).text)?.[1]
    t.equal((await app.post('/auth/verify-email', { token: confirm })).statusCode, 200)
    t.equal((await app.get('/auth/me', accessToken)).json().user.email, next)

    const erase = await call('DELETE', '/users/delete-account', accessToken, { password: PASSWORD })
    t.equal(erase.json().code, 'erasure_not_yet')
    const other = await app.post('/auth/register', { email: user.email, password: PASSWORD })
    t.equal(other.statusCode, 201, 'the old address answers like any taken one')
    t.ok(await mailTo(app, user.email, /already have/))

    const undo = /token=([\w-]+)/.exec((await mailTo(app, user.email, /was changed/)).text)?.[1]
    t.equal((await app.post('/auth/undo-email-change', { token: undo })).statusCode, 200)
    t.equal((await refresh(app, refreshToken)).statusCode, 401)
    const login = await app.post('/auth/login', { email: user.email, password: PASSWORD })
    t.equal(login.json().code, 'password_reset_required')
    t.equal((await app.post('/auth/login', { email: next, password: PASSWORD })).statusCode, 401)
    t.equal((await app.post('/auth/undo-email-change', { token: undo })).statusCode, 400, 'once')
  }
)

void t.test(
  "a change to somebody else's address: the same answer, and it leads nowhere",
  async (t) => {
    const mine = await givenSession(app)
    const theirs = await givenUser(app)
    const body = { email: theirs.email, current_password: PASSWORD }
    const headers = { authorization: `Bearer ${mine.accessToken}` }
    t.equal((await app.post('/users/change-email', body, headers)).statusCode, 200)
    t.ok(await mailTo(app, theirs.email, /already have/))
    t.equal((await app.get('/auth/me', mine.accessToken)).json().user.email, mine.user.email)
  }
)

void t.test('a second change of address, while the first can be undone: refused', async (t) => {
  const email = freshEmail().replace('person', 'Person')
  const { accessToken } = await givenSession(app, await givenUser(app, { email }))
  const headers = { authorization: `Bearer ${accessToken}` }
  const move = async (next: string) =>
    app.post('/users/change-email', { email: next, current_password: PASSWORD }, headers)
  const next = freshEmail()
  await move(next)
  const confirm = /token=([\w-]+)/.exec((await mailTo(app, next, /Confirm/)).text)?.[1]
  await app.post('/auth/verify-email', { token: confirm })
  t.equal((await move(freshEmail())).json().code, 'email_change_not_yet')
  const undo = /token=([\w-]+)/.exec((await mailTo(app, email, /was changed/)).text)?.[1]
  t.equal((await app.post('/auth/undo-email-change', { token: undo })).statusCode, 200)
  const login = await app.post('/auth/login', { email: email.toLowerCase(), password: PASSWORD })
  t.equal(login.json().code, 'password_reset_required', 'found again under any spelling')
})

void t.test(
  'mail tokens of a stolen session, after the owner changed the password: dead',
  async (t) => {
    const { user, accessToken } = await givenSession(app)
    const headers = { authorization: `Bearer ${accessToken}` }
    const thief = freshEmail()
    await app.post('/users/change-email', { email: thief, current_password: PASSWORD }, headers)
    const token = /token=([\w-]+)/.exec((await mailTo(app, thief, /Confirm/)).text)?.[1]
    const change = { current_password: PASSWORD, new_password: 'granite-otter-77-meadow' }
    t.equal((await app.post('/users/change-password', change, headers)).statusCode, 200)
    t.equal((await app.post('/auth/verify-email', { token })).json().code, 'invalid_token')
    t.equal((await app.get('/auth/me', accessToken)).json().user.email, user.email)
  }
)
