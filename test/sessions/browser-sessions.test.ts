import { randomBytes } from 'node:crypto'
import t from 'tap'
import { startApp } from '../support/app.ts'
import { claimsOf, givenSession, givenUser } from '../support/builders.ts'
import { dumpDatabase, findCanaries } from '../support/database-dump.ts'
import { createVisitor, givenLogin, isLoggedIn, sidOf, thiefOf } from '../support/page-visitor.ts'
import { atOnce, statuses } from '../support/registrations.ts'
import { bearer } from '../support/server-sessions.ts'
import { eventsOf, liveOnes } from '../support/session-rows.ts'

const app = await startApp(t)

void t.test(
  'a login at the pages: a row with the hash of the secret, and an opaque cookie',
  async (t) => {
    const user = await givenUser(app)
    const visitor = createVisitor(app)
    const answer = await visitor.logIn(user.email)
    t.equal(answer.statusCode, 303)
    const cookie = answer.cookies.find(({ name }) => name === 'latchkey_session')
    t.match(cookie, { httpOnly: true, sameSite: 'Lax', path: '/', value: /^lkb_[\w-]{64}$/ })
    t.equal(cookie?.['domain'], undefined)
    const [row] = await app.sql(
      `SELECT delivery, client_id, parent_id, amr, user_id, octet_length(secret_hash) AS bytes
       FROM session WHERE id = $1`,
      [sidOf(visitor)]
    )
    t.strictSame(row, {
      delivery: 'browser',
      client_id: 'latchkey',
      parent_id: null,
      amr: ['pwd'],
      user_id: user.id,
      bytes: 32
    })
    t.match(await eventsOf(app, sidOf(visitor)), [{ type: 'login.succeeded', user_id: user.id }])
  }
)

void t.test('the secret of a cookie: nowhere in the database, in no form', async (t) => {
  const visitor = await givenLogin(app, (await givenUser(app)).email)
  const cookie = visitor.session()!
  const dump = await dumpDatabase(app.databaseUrl)
  const secret = Buffer.from(cookie.slice(4), 'base64url').subarray(16)
  t.strictSame(
    findCanaries(dump, { cookie, secret, form: visitor.jar.get('latchkey_form') ?? cookie }),
    []
  )
})

void t.test('an https issuer: the cookie is __Host- and Secure', async (t) => {
  const secure = await startApp(t, { ...app.env, ISSUER: 'https://id.example.com' })
  const { email } = await givenUser(app)
  const answer = await createVisitor(secure).logIn(email)
  const cookie = answer.cookies.find(({ name }) => name === '__Host-latchkey_session')
  t.match(cookie, { secure: true, httpOnly: true, sameSite: 'Lax', path: '/' })
})

void t.test(
  'a login over a login of the same person: the same session, the old cookie is dead',
  async (t) => {
    const user = await givenUser(app)
    const visitor = await givenLogin(app, user.email)
    const thief = thiefOf(app, visitor)
    const sid = sidOf(visitor)
    await app.moveTime(120)
    await visitor.logIn(user.email)
    t.equal(sidOf(visitor), sid)
    t.not(visitor.session(), thief.session())
    t.ok(await isLoggedIn(visitor))
    t.notOk(
      await isLoggedIn(thief),
      'a cookie that was there before the login is not the one after it'
    )
    const [row] = await app.sql<{ renewed: boolean }>(
      `SELECT auth_time > created_at + interval '100 seconds' AS renewed FROM session WHERE id = $1`,
      [sid]
    )
    t.ok(row?.renewed, 'and it was proven anew')
    await app.moveTime(0)
  }
)

void t.test("a login over another person's: theirs ends, at once", async (t) => {
  const [alice, bob] = [await givenUser(app), await givenUser(app)]
  const visitor = await givenLogin(app, alice.email)
  const former = thiefOf(app, visitor)
  const sid = sidOf(visitor)
  await visitor.logIn(bob.email)
  t.not(sidOf(visitor), sid)
  t.notOk(await isLoggedIn(former))
  t.strictSame(await liveOnes(app, [sid, sidOf(visitor)]), [sidOf(visitor)])
  t.match((await visitor.open('/account')).body, bob.email)
})

void t.test('a wrong password over a login: the login stays as it was', async (t) => {
  const { email } = await givenUser(app)
  const visitor = await givenLogin(app, email)
  const cookie = visitor.session()
  t.equal((await visitor.logIn(email, { password: 'wrong-otter-12' })).statusCode, 401)
  t.equal(visitor.session(), cookie)
  t.ok(await isLoggedIn(visitor))
})

void t.test('cookies that were planted: never the one after the login', async (t) => {
  const { email } = await givenUser(app)
  const planted = [
    `lkb_${randomBytes(48).toString('base64url')}`,
    'lkb_',
    'x',
    '../../etc',
    `lkb_${'A'.repeat(64)}`,
    `lkb_${'A'.repeat(65)}`,
    'x'.repeat(4_000)
  ]
  for (const cookie of planted) {
    const visitor = createVisitor(app)
    visitor.jar.set('latchkey_session', cookie)
    t.notOk(await isLoggedIn(visitor), cookie.slice(0, 20))
    t.equal((await visitor.logIn(email)).statusCode, 303)
    t.not(visitor.session(), cookie)
    t.ok(await isLoggedIn(visitor))
  }
})

void t.test('no kind of secret is ever taken for another (T3)', async (t) => {
  const user = await givenUser(app)
  const visitor = await givenLogin(app, user.email)
  const cookie = visitor.session()!
  const { accessToken, refreshToken } = await givenSession(app, user)
  for (const wrong of [refreshToken, accessToken, `lkb_${refreshToken.slice(4)}`]) {
    const other = createVisitor(app)
    other.jar.set('latchkey_session', wrong)
    t.notOk(await isLoggedIn(other))
  }
  for (const path of ['/auth/me', '/users/profile', '/users/sessions', '/admin/users']) {
    const asCookie = await visitor.open(path, { 'sec-fetch-site': 'same-origin' })
    t.equal(asCookie.statusCode, 401, `${path} by cookie`)
    t.equal((await app.get(path, cookie)).statusCode, 401, `${path} as Bearer`)
  }
  t.equal((await app.get('/verify-token', cookie)).statusCode, 401)
  for (const shown of [cookie, `lkr_${cookie.slice(4)}`]) {
    const answer = await app.post('/auth/refresh-token', { refresh_token: shown })
    t.equal(answer.json().code, 'invalid_refresh_token')
    const headers = { 'sec-fetch-site': 'same-origin', cookie: `latchkey-refresh=${shown}` }
    t.equal((await app.post('/auth/refresh-token', undefined, headers)).statusCode, 401)
    await app.post('/auth/logout', { scope: 'all', refresh_token: shown })
  }
  t.ok(await isLoggedIn(visitor), 'and none of it ended the session')
})

void t.test('every other spelling of a cookie: nobody', async (t) => {
  const { email } = await givenUser(app)
  const visitor = await givenLogin(app, email)
  const good = visitor.session()!
  const flipped = good.slice(0, -1) + (good.endsWith('A') ? 'B' : 'A')
  for (const wrong of [
    flipped,
    `${good}=`,
    `${good}A`,
    good.slice(0, -1),
    good.slice(4),
    good.toUpperCase()
  ]) {
    visitor.jar.set('latchkey_session', wrong)
    t.notOk(await isLoggedIn(visitor), wrong)
  }
})

void t.test(
  'fifty logins at once with one old cookie: each works, and one keeps the old session',
  async (t) => {
    const { email, id } = await givenUser(app)
    const first = await givenLogin(app, email)
    // A known browser: its logins are not shed as a flood under one name.
    const visitors = Array.from({ length: 50 }, () => {
      const visitor = createVisitor(app)
      for (const [name, value] of first.jar) visitor.jar.set(name, value)
      return visitor
    })
    const answers = await atOnce(50, (index) => visitors[index]!.logIn(email))
    t.strictSame(statuses(answers), { 303: 50 })
    t.equal(new Set(visitors.map((visitor) => visitor.session())).size, 50)
    t.equal(visitors.filter((visitor) => sidOf(visitor) === sidOf(first)).length, 1)
    t.strictSame(await atOnce(50, (index) => isLoggedIn(visitors[index]!)), Array(50).fill(true))
    t.notOk(await isLoggedIn(first), 'the cookie that all of them had is dead')
    const rows = await app.sql('SELECT id FROM session WHERE user_id = $1', [id])
    t.equal(rows.length, 50)
  }
)

void t.test('the list of sessions: shows the browser, and ends it', async (t) => {
  const user = await givenUser(app)
  const visitor = await givenLogin(app, user.email)
  const { accessToken } = await givenSession(app, user)
  const { sessions } = (await app.get('/users/sessions', accessToken)).json()
  t.match(
    sessions.find((session: { id: string }) => session.id === sidOf(visitor)),
    { client_id: 'latchkey', current: false }
  )
  t.equal(claimsOf(accessToken)['sub'], user.id)
  const url = `/users/sessions/${sidOf(visitor)}`
  await app.app.inject({ method: 'DELETE', url, headers: bearer(accessToken) })
  t.notOk(await isLoggedIn(visitor))
})
