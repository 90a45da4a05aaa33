import t from 'tap'
import { startApp } from '../support/app.ts'
import { freshEmail, givenUser, PASSWORD } from '../support/builders.ts'
import {
  givenRegistration,
  login,
  mailsTo,
  outboxEmpty,
  register,
  registrationsWith,
  usersWith,
  verify,
  type Form
} from '../support/registrations.ts'

const app = await startApp(t)

/** An answer without what differs from request to request anyway. */
function comparable(answer: Awaited<ReturnType<typeof register>>, email: string) {
  const headers = new Map(Object.entries(answer.headers))
  const differing = ['date', 'x-request-id', 'ratelimit-remaining', 'ratelimit-reset']
  for (const name of differing) headers.set(name, 'differs')
  const body = answer.body
    .replaceAll(email, 'ADDRESS')
    .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'ID')
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
  return { status: answer.statusCode, headers: [...headers].sort(), body }
}

void t.test('a free address, registered: a registration for 24 hours, and no user', async (t) => {
  const email = freshEmail()
  const answer = await register(app, {
    email,
    username: 'ada.lovelace',
    name: 'Ada',
    surname: 'Lovelace',
    phone_number: '+4930123456',
    locale: 'en-GB'
  })
  t.equal(answer.statusCode, 201)
  const { id, created_at: createdAt, ...user } = answer.json().user
  t.strictSame(user, {
    email,
    email_verified: false,
    username: 'ada.lovelace',
    name: 'Ada',
    surname: 'Lovelace',
    phone_number: '+4930123456',
    locale: 'en-GB',
    roles: ['user'],
    status: 'active'
  })
  t.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  t.ok(Math.abs(Date.parse(createdAt as string) - Date.now()) < 60_000)
  t.strictSame(Object.keys(answer.json()), ['user'])
  t.strictSame(await usersWith(app, id as string), [])
  const [row] = await app.sql(
    `SELECT extract(epoch FROM expires_at - created_at)::int AS seconds FROM registration WHERE id = $1`,
    [id]
  )
  t.strictSame(row, { seconds: 86_400 })
})

void t.test(
  'a free and a taken address, registered: one answer, only the mail differs',
  async (t) => {
    const taken = 'taken-address@example.com'
    const free = 'fresh-address@example.com'
    await givenUser(app, { email: taken })
    const name = 'Grace'
    const toTaken = await register(app, { email: taken, name, username: 'for-a-taken-one' })
    const toFree = await register(app, { email: free, name, username: 'for-a-fresh-one' })
    t.equal(toTaken.statusCode, 201)
    const usernames = /for-a-(taken|fresh)-one/g
    const [one, other] = [comparable(toTaken, taken), comparable(toFree, free)]
    t.equal(one.body.replace(usernames, ''), other.body.replace(usernames, ''))
    t.strictSame(one.headers, other.headers, 'the same headers, values included')
    const [, notice] = await mailsTo(app, taken, 2)
    const [invitation] = await mailsTo(app, free, 1)
    t.match(notice?.subject, /already have an account/)
    t.notMatch(notice?.text, /token=|^ {4}\w{4}-\w{4}$/m)
    t.notMatch(notice?.html, /token=/)
    t.match(invitation?.subject, /Verify/)
    t.match(invitation?.text, /\/verify-email\?token=[\w-]{43}\n/)
    t.equal((await registrationsWith(app, toTaken.json().user.id as string)).length, 1, 'both rows')
  }
)

void t.test('a registration that was not verified, logged in: as an unknown address', async (t) => {
  const { email, id } = await givenRegistration(app)
  const answers = [
    await login(app, email),
    await login(app, email, 'another-password-77'),
    await login(app, freshEmail())
  ]
  for (const answer of answers) {
    t.equal(answer.statusCode, 401)
    t.equal(answer.body, answers[0]?.body, 'the same answer to the letter')
  }
  t.equal(answers[0]?.json().code, 'invalid_credentials')
  t.strictSame(await app.sql('SELECT id FROM session WHERE user_id = $1', [id]), [])
})

void t.test('a taken address, registered by a stranger: never turns into anything', async (t) => {
  const owner = await givenUser(app)
  const stranger = { email: owner.email, password: 'strangers-password-88' }
  const { id } = (await register(app, stranger)).json().user as { id: string }
  await app.post('/auth/resend-verification', { email: owner.email })
  await outboxEmpty(app)
  const mails = await mailsTo(app, owner.email, 3)
  t.equal(mails.length, 3, 'the owner got the first mail and two notices')
  for (const { text, html } of mails.slice(1)) t.notMatch(text + html, /token=|[\w]{4}-[\w]{4}\n/)
  const tokens = await app.sql('SELECT id FROM one_time_token WHERE registration_id = $1', [id])
  t.equal(tokens.length, 2, 'tokens there are, and nobody was ever told one')
  t.equal((await login(app, owner.email, stranger.password)).statusCode, 401)
  t.equal((await login(app, owner.email)).statusCode, 200, 'the owner does not notice')
  t.strictSame(await usersWith(app, id), [])
})

void t.test('a registration whose address became taken, verified: no second user', async (t) => {
  const first = await givenRegistration(app)
  const owner = await givenUser(app)
  // As if the owner's verification had committed between the look at the address and the insert.
  await app.sql(
    `UPDATE registration SET email_index = (SELECT email_index FROM users WHERE id = $2) WHERE id = $1`,
    [first.id, owner.id]
  )
  const answer = await verify(app, { token: first.token })
  t.equal(answer.statusCode, 400)
  t.equal(answer.json().code, 'invalid_token')
  t.strictSame(await usersWith(app, first.id, owner.id), [owner.id])
})

void t.test('registering, whatever the address: is in the audit trail without it', async (t) => {
  const { email, id } = await givenRegistration(app)
  const [event] = await app.sql(
    'SELECT type, details, request_id, address_sealed FROM audit_event WHERE user_id = $1',
    [id]
  )
  t.match(event, { type: 'account.registered', details: {}, request_id: /^[0-9a-f-]{36}$/ })
  t.notOk((event!['address_sealed'] as Buffer).includes('127.0.0.1'), 'sealed')
  t.notOk(JSON.stringify(event).includes(email))
})

const RIGHTS: Form[] = [
  { role: 'admin' },
  { roles: ['admin'] },
  { email_verified: true },
  { emailVerifiedAt: '2020-01-01T00:00:00Z' },
  { user_id: '019c0000-0000-7000-8000-000000000000' },
  { id: '019c0000-0000-7000-8000-000000000000' },
  { status: 'disabled' },
  { is_admin: true },
  { constructor: 'x' },
  { constructor: { prototype: { roles: ['admin'] } } },
  { prototype: {} },
  { email: ['a@example.com'] },
  { email: { contains: '@' } },
  { username: { not: '' } },
  { password: 12_345_678 },
  { name: null }
]

void t.test(
  'a body that asks for rights or has other types: refused, and nothing kept',
  async (t) => {
    const before = await app.sql('SELECT count(*)::int FROM registration')
    for (const extra of RIGHTS) {
      const answer = await register(app, extra)
      t.ok([400, 422].includes(answer.statusCode), `${JSON.stringify(extra)}: ${answer.statusCode}`)
    }
    const raw = `{"email":"${freshEmail()}","password":"${PASSWORD}","__proto__":{"roles":["admin"]}}`
    const headers = { 'content-type': 'application/json' }
    const payload = { method: 'POST', url: '/auth/register', headers, body: raw } as const
    t.equal((await app.app.inject(payload)).statusCode, 400, '__proto__')
    t.strictSame(await app.sql('SELECT count(*)::int FROM registration'), before)
    t.equal(({} as Form)['roles'], undefined, 'no prototype was touched')
  }
)

void t.test(
  'an address that is none, registered: 422 that names the field and no value',
  async (t) => {
    for (const email of [
      'Ada <ada@example.com>',
      'ada@example.com, eve@example.com',
      'a@[127.0.0.1]'
    ]) {
      const answer = await register(app, { email })
      t.equal(answer.statusCode, 422, email)
      t.match(answer.json(), { code: 'validation_failed', errors: [{ field: 'email' }] })
      t.notOk(answer.body.includes(email))
    }
  }
)
