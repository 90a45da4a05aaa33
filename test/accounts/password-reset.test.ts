import t from 'tap'
import { startApp } from '../support/app.ts'
import {
  freshEmail,
  givenSession,
  givenUser,
  mailTo,
  PASSWORD,
  refresh,
  secretsOf
} from '../support/builders.ts'
import { eventually } from '../support/eventually.ts'

const app = await startApp(t)
const NEW_PASSWORD = 'granite-otter-77-meadow'

async function forgot(email: string) {
  return app.post('/auth/forgot-password', { email })
}

async function login(email: string, password: string) {
  return app.post('/auth/login', { email, password })
}

/** Somebody who asked for a reset mail, and what it carries. */
async function givenReset() {
  const session = await givenSession(app)
  await forgot(session.user.email)
  return { ...session, ...secretsOf(await mailTo(app, session.user.email, /Reset/)) }
}

void t.test(
  'a reset by link: new password, every session ended, nobody logged in, owner told',
  async (t) => {
    const { user, token, refreshToken, accessToken } = await givenReset()
    const answer = await app.post('/auth/reset-password', { token, new_password: NEW_PASSWORD })
    t.equal(answer.statusCode, 200)
    t.notOk(answer.json().access_token)
    t.equal((await refresh(app, refreshToken)).statusCode, 401)
    t.equal((await app.get('/verify-token', accessToken)).statusCode, 401)
    t.equal((await login(user.email, PASSWORD)).statusCode, 401)
    t.equal((await login(user.email, NEW_PASSWORD)).statusCode, 200)
    t.ok(await mailTo(app, user.email, /was changed/))
  }
)

void t.test('a reset by typed code, on another device: works', async (t) => {
  const { user, code } = await givenReset()
  const body = { email: user.email, code: code.toLowerCase(), new_password: NEW_PASSWORD }
  t.equal((await app.post('/auth/password-reset/confirm', body)).statusCode, 200)
  t.equal((await login(user.email, NEW_PASSWORD)).statusCode, 200)
})

void t.test('one reset token, fifty callers at once: exactly one wins', async (t) => {
  const { token } = await givenReset()
  const attempts = Array.from({ length: 50 }, () =>
    app.post('/auth/reset-password', { token, new_password: NEW_PASSWORD })
  )
  const codes = (await Promise.all(attempts)).map(({ statusCode }) => statusCode)
  t.equal(codes.filter((code) => code === 200).length, 1)
  t.equal(codes.filter((code) => code === 400).length, 49)
})

void t.test(
  'a weak new password, or the address itself: refused, and the token is not spent',
  async (t) => {
    const { user, token, code } = await givenReset()
    const weak = await app.post('/auth/reset-password', { token, new_password: 'password1' })
    t.equal(weak.json().code, 'weak_password')
    const own = { email: user.email, code, new_password: user.email }
    t.equal((await app.post('/auth/reset-password', own)).json().code, 'weak_password')
    t.equal(
      (await app.post('/auth/reset-password', { token, new_password: NEW_PASSWORD })).statusCode,
      200
    )
  }
)

void t.test('a reset token, half an hour later: expired', async (t) => {
  const { token } = await givenReset()
  await app.moveTime(31 * 60)
  const answer = await app.post('/auth/reset-password', { token, new_password: NEW_PASSWORD })
  t.equal(answer.json().code, 'invalid_token')
  await app.moveTime(0)
})

void t.test('a second mail, a minute later: its link works, the older one does not', async (t) => {
  const { user, token: first } = await givenReset()
  await app.moveTime(61)
  await forgot(user.email)
  const second = await eventually('the second mail', async () => {
    const { token } = secretsOf(await mailTo(app, user.email, /Reset/))
    return token !== first && token
  })
  const body = { new_password: NEW_PASSWORD }
  t.equal((await app.post('/auth/reset-password', { token: first, ...body })).statusCode, 400)
  t.equal((await app.post('/auth/reset-password', { token: second, ...body })).statusCode, 200)
  await app.moveTime(0)
})

void t.test('tokens of other mails, shown for a reset: refused', async (t) => {
  const email = freshEmail()
  await app.post('/auth/register', { email, password: PASSWORD })
  const { token } = secretsOf(await mailTo(app, email))
  const answer = await app.post('/auth/reset-password', { token, new_password: NEW_PASSWORD })
  t.equal(answer.json().code, 'invalid_token')
  const { token: resetToken } = await givenReset()
  t.equal((await app.post('/auth/verify-email', { token: resetToken })).statusCode, 400)
})

void t.test(
  'forgot-password, for an address with and without an account: the same answer',
  async (t) => {
    const { email } = await givenUser(app)
    const known = await forgot(email)
    const unknown = await forgot(freshEmail())
    t.equal(known.statusCode, 200)
    t.equal(unknown.statusCode, known.statusCode)
    t.equal(unknown.body, known.body)
  }
)

void t.test('many requests for one mailbox, at once: one mail a minute', async (t) => {
  const capped = await startApp(t, { MAIL_LIMIT_PER_MINUTE: '1' })
  const { email, id } = await givenUser(capped)
  const forgotten = () => capped.post('/auth/forgot-password', { email })
  await Promise.all(Array.from({ length: 20 }, forgotten))
  await mailTo(capped, email, /Reset/)
  await eventually('all requests worked off', async () => {
    const [row] = await capped.sql(
      `SELECT count(*)::int AS open FROM outbox_message WHERE kind = 'mail_request' AND sent_at IS NULL`
    )
    return row!['open'] === 0
  })
  const [tokens] = await capped.sql(
    `SELECT count(*)::int AS made FROM one_time_token WHERE user_id = $1`,
    [id]
  )
  t.equal(tokens!['made'], 1)
})
