import { randomBytes } from 'node:crypto'
import t, { type Test } from 'tap'
import { openPostgres } from '../../src/platform/postgres.ts'
import { createKnownDeviceStore } from '../../src/accounts/known-device-store.ts'
import { ISSUER, startApp } from '../support/app.ts'
import { startBehindWire } from '../support/behind-wire.ts'
import { claimsOf, freshEmail, givenSession, givenUser, PASSWORD } from '../support/builders.ts'
import { isProblem, type ProblemBody } from '../support/problem.ts'

const app = await startApp(t)

async function login(body: object) {
  return app.post('/auth/login', { password: PASSWORD, ...body })
}

async function sessionsOf(userId: string) {
  return app.sql('SELECT * FROM session WHERE user_id = $1 ORDER BY created_at', [userId])
}

/** How many events of a type there are, and whom the newest names. */
async function events(type: string) {
  const rows = await app.sql(
    `SELECT user_id, session_id, client_id, request_id, address_sealed, details
       FROM audit_event WHERE type = $1 ORDER BY at DESC, id DESC`,
    [type]
  )
  return { count: rows.length, newest: rows[0] }
}

void t.test('the right password: a pair, the person, a session of its own, an event', async (t) => {
  const user = await givenUser(app, { name: 'Ada', username: 'ada.first' })
  const before = await events('login.succeeded')
  const answer = await login({ email: user.email, device: 'Firefox on Linux' })
  t.equal(answer.statusCode, 200)
  t.match(answer.json(), {
    access_token: /^eyJ/,
    token_type: 'Bearer',
    expires_in: 600,
    refresh_token: /^lkr_/,
    refresh_expires_in: Number,
    user: { id: user.id, email: user.email, email_verified: true, name: 'Ada', status: 'active' }
  })
  const { refresh_expires_in: lives } = answer.json<{ refresh_expires_in: number }>()
  t.ok(lives <= 14 * 86_400 && lives > 14 * 86_400 - 10, `the nearer end: idling, in ${lives} s`)
  t.notMatch(answer.body, /password|secret|hash|argon2/i)
  const claims = claimsOf(answer.json().access_token)
  t.match(claims, {
    iss: ISSUER,
    aud: ISSUER,
    sub: user.id,
    client_id: 'latchkey',
    roles: ['user']
  })
  const [session, ...others] = await sessionsOf(user.id)
  t.strictSame(others, [], 'one login, one session')
  t.match(session, {
    id: claims['sid'],
    client_id: 'latchkey',
    delivery: 'body',
    generation: 0,
    amr: ['pwd'],
    device: 'Firefox on Linux',
    revoked_at: null
  })
  t.equal((session!['secret_hash'] as Buffer).length, 32, 'the secret is kept as a hash')
  t.notOk((session!['address_sealed'] as Buffer).includes('127.0.0.1'), 'the address is sealed')
  const after = await events('login.succeeded')
  t.equal(after.count, before.count + 1)
  t.match(after.newest, {
    user_id: user.id,
    session_id: session!['id'],
    client_id: 'latchkey',
    request_id: answer.headers['x-request-id'],
    address_sealed: Buffer
  })
})

void t.test('the address in any case, the username: the same person, a new session', async (t) => {
  const email = freshEmail()
  const user = await givenUser(app, {
    email: email.replace('person', 'Person'),
    username: 'grace.h'
  })
  const [local = '', domain = ''] = email.split('@')
  const ways = [
    { email },
    { email: email.toUpperCase() },
    { email: `${local.toUpperCase()}@${domain}` },
    { email: `${local}@EXAMPLE.com` },
    { email: `${local}@ｅｘａｍｐｌｅ.com` },
    { username: 'grace.h' }
  ]
  const sids = new Set<unknown>()
  for (const way of ways) {
    const answer = await login(way)
    t.equal(answer.json().user?.id, user.id, JSON.stringify(way))
    sids.add(claimsOf(answer.json().access_token as string)['sid'])
  }
  t.equal(sids.size, ways.length, 'every login begins a session of its own')
})

void t.test('an address that only looks alike: nobody', async (t) => {
  const { email } = await givenUser(app)
  const [local = '', domain = ''] = email.split('@')
  for (const alike of [
    `${local}+tag@${domain}`,
    `${local.slice(0, 3)}.${local.slice(3)}@${domain}`,
    `${local}@sub.${domain}`,
    `${local}@${domain}.`,
    ` ${email}`,
    `${email}\u200b`,
    `<${email}>`,
    `%${email}`,
    email.replace('e', 'е')
  ]) {
    isProblem(t, await login({ email: alike }), 401, alike)
  }
})

void t.test('address and username at once, or neither: 422, and nothing is tried', async (t) => {
  const { email, id } = await givenUser(app, { username: 'both.ways' })
  const before = await events('login.failed')
  for (const body of [{}, { email, username: 'both.ways' }]) {
    t.equal(isProblem(t, await login(body), 422, JSON.stringify(body)).code, 'validation_failed')
  }
  t.equal((await events('login.failed')).count, before.count)
  t.strictSame(await sessionsOf(id), [])
})

void t.test('a wrong password: 401, no session, and an event that names nobody', async (t) => {
  const { email, id } = await givenUser(app)
  const before = await events('login.failed')
  const wrong = `${PASSWORD}-wrong`
  const answer = await login({ email, password: wrong })
  t.equal(isProblem(t, answer, 401, 'wrong', wrong).code, 'invalid_credentials')
  t.notOk(answer.body.includes(email))
  t.strictSame(await sessionsOf(id), [])
  const after = await events('login.failed')
  t.equal(after.count, before.count + 1)
  t.match(after.newest, { user_id: null, session_id: null, address_sealed: Buffer, details: {} })
})

void t.test('passwords that are nearly right: refused; NFKC spellings: the same', async (t) => {
  const password = 'Ünïcøde-ﬁve-lanterns'
  const { email } = await givenUser(app, { password })
  for (const near of [
    password.toLowerCase(),
    ` ${password}`,
    `${password} `,
    password.slice(0, -1)
  ]) {
    t.equal((await login({ email, password: near })).statusCode, 401, near)
  }
  for (const same of [password.normalize('NFD'), password.normalize('NFKC')]) {
    t.equal((await login({ email, password: same })).statusCode, 200, same)
  }
  const long =
    'a long password of ninety characters, far beyond the seventy-two that some hashes read at all'
  const person = await givenUser(app, { password: long })
  const cut = { email: person.email, password: long.slice(0, -1) }
  t.equal((await login(cut)).statusCode, 401, 'no truncation')
})

void t.test('a disabled account: told after the right password only', async (t) => {
  const { email, id } = await givenUser(app)
  await app.sql("UPDATE users SET status = 'disabled' WHERE id = $1", [id])
  const wrong = await login({ email, password: 'not-the-password' })
  t.equal(isProblem(t, wrong, 401, 'wrong password').code, 'invalid_credentials')
  const before = await events('login.failed')
  const right = await login({ email })
  t.equal(isProblem(t, right, 403, 'right password').code, 'account_disabled')
  t.equal((await events('login.failed')).count, before.count + 1, 'the failure is on record (H4)')
  t.strictSame(await sessionsOf(id), [])
  await app.sql("UPDATE users SET status = 'active' WHERE id = $1", [id])
  t.equal((await login({ email })).statusCode, 200, 'enabled again')
})

void t.test('a person without a password: nobody gets in', async (t) => {
  const { email, id } = await givenUser(app)
  await app.sql('UPDATE users SET password_hash = NULL WHERE id = $1', [id])
  for (const password of [PASSWORD, 'null', 'undefined']) {
    t.equal((await login({ email, password })).statusCode, 401)
  }
  t.strictSame(await sessionsOf(id), [])
})

async function hashOf(id: string): Promise<string> {
  const [row] = await app.sql<{ password_hash: string }>(
    'SELECT password_hash FROM users WHERE id = $1',
    [id]
  )
  return row!.password_hash
}

void t.test(
  'a changed argon2 setting: the next login hashes anew, and only that (P2)',
  async (t) => {
    const { email, id } = await givenUser(app)
    const first = await hashOf(id)
    t.match(
      first,
      /^\$argon2id\$v=19\$(?=[^$]*m=19456)(?=[^$]*t=2)[^$]*\$[\w+/]{22}\$/,
      'a salt of 16 bytes'
    )
    const stricter = await startApp(t, { ...app.env, ARGON2_PASSES: '3' })
    const wrong = { email, password: 'not-the-password' }
    t.equal((await stricter.post('/auth/login', wrong)).statusCode, 401)
    t.equal(await hashOf(id), first, 'a wrong password changes nothing')
    const right = { email, password: PASSWORD }
    t.equal((await stricter.post('/auth/login', right)).statusCode, 200)
    const second = await hashOf(id)
    t.match(second, /^\$argon2id\$v=19\$(?=[^$]*m=19456)(?=[^$]*t=3)/)
    t.equal((await stricter.post('/auth/login', right)).statusCode, 200)
    t.equal(await hashOf(id), second, 'once is enough')
    t.equal((await login({ email })).statusCode, 200, 'and it still opens everywhere')
  }
)

void t.test('Postgres away: 503 for everybody, never 401', async (t: Test) => {
  const { email } = await givenUser(app)
  const { wire, post } = await startBehindWire(t, app)
  await wire.cut()
  for (const body of [
    { email, password: PASSWORD },
    { email, password: 'not-the-password' },
    { email: freshEmail(), password: PASSWORD },
    { username: 'nobody.here', password: PASSWORD }
  ]) {
    const answer = await post('/auth/login', body)
    const { code }: ProblemBody = isProblem(t, answer, 503, JSON.stringify(Object.keys(body)))
    t.equal(code, 'service_unavailable')
    t.match(answer.headers['retry-after'], /^\d+$/)
  }
  await wire.restore()
  t.equal((await post('/auth/login', { email, password: PASSWORD })).statusCode, 200, 'and back')
})

void t.test('two logins of one person: neither ends the other', async (t) => {
  const first = await givenSession(app)
  const second = await givenSession(app, first.user)
  t.not(first.sessionId, second.sessionId)
  for (const { accessToken } of [first, second]) {
    t.equal((await app.get('/auth/me', accessToken)).statusCode, 200)
  }
})

void t.test('a browser, remembered after its password was replaced: is not known', async (t) => {
  const { id: userId } = await givenUser(app)
  const [user] = await app.sql<{ hash: string }>(
    'SELECT password_hash AS hash FROM users WHERE id = $1',
    [userId]
  )
  const postgres = openPostgres({ databaseUrl: app.databaseUrl, poolSize: 1 })
  t.teardown(() => postgres.close())
  const store = createKnownDeviceStore({ postgres, clock: app.app.clock })
  const nonceHash = randomBytes(32)
  await store.add({ userId, passwordHash: 'the one before' }, nonceHash, 60)
  t.equal(await store.isKnown(userId, nonceHash), false)
  await app.sql('UPDATE users SET must_reset = true WHERE id = $1', [userId])
  await store.add({ userId, passwordHash: user!.hash }, nonceHash, 60)
  t.equal(await store.isKnown(userId, nonceHash), false)
  await app.sql('UPDATE users SET must_reset = false WHERE id = $1', [userId])
  await store.add({ userId, passwordHash: user!.hash }, nonceHash, 60)
  t.equal(await store.isKnown(userId, nonceHash), true)
})
