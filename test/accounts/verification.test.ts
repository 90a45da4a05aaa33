import t from 'tap'
import { startApp } from '../support/app.ts'
import { freshEmail, givenUser, PASSWORD, secretsOf } from '../support/builders.ts'
import {
  atOnce,
  givenRegistration,
  givenRegistrations,
  login,
  mailsTo,
  outboxEmpty,
  registrationsWith,
  statuses,
  usersWith,
  verify
} from '../support/registrations.ts'

const app = await startApp(t, { ARGON2_QUEUE_LENGTH: '200', ARGON2_WAIT_MS: '60000' })
const ROUNDS = 30

async function resend(email: string) {
  return app.post('/auth/resend-verification', { email })
}

void t.test(
  'a link, followed: the user has the registration’s id, and nobody is logged in',
  async (t) => {
    const { email, id, token } = await givenRegistration(app, { phone_number: '+4930777888' })
    const other = await givenRegistration(app, { email })
    const answer = await verify(app, { token })
    t.equal(answer.statusCode, 200)
    t.strictSame(Object.keys(answer.json()), ['message'])
    t.equal(answer.headers['set-cookie'], undefined)
    t.strictSame(await app.sql('SELECT id FROM session WHERE user_id = $1', [id]), [])
    t.strictSame(await usersWith(app, id, other.id), [id])
    t.strictSame(await registrationsWith(app, id, other.id), [], 'the other registration is gone')
    t.equal((await verify(app, { token: other.token })).statusCode, 400, 'and so is its link')
    const { user } = (await login(app, email)).json()
    t.match(user, { id, email, email_verified: true, phone_number: '+4930777888', roles: ['user'] })
  }
)

void t.test('a link, followed twice: 400, one text for used, unknown and malformed', async (t) => {
  const { token, id } = await givenRegistration(app)
  t.equal((await verify(app, { token })).statusCode, 200)
  const again = await verify(app, { token })
  t.equal(again.statusCode, 400)
  t.equal(again.json().code, 'invalid_token')
  for (const other of [`${token.slice(0, -1)}_`, 'x', '../../etc', 'é'.repeat(43), `${token}\0`]) {
    t.equal((await verify(app, { token: other })).body, again.body, other)
  }
  t.strictSame(await usersWith(app, id), [id], 'the user stays')
})

void t.test('one link, fifty callers at once: exactly one verifies', async (t) => {
  const { token, id } = await givenRegistration(app)
  const answers = await atOnce(50, () => verify(app, { token }))
  t.strictSame(statuses(answers), { 200: 1, 400: 49 })
  t.strictSame(await usersWith(app, id), [id])
  const events = await app.sql(
    `SELECT id FROM audit_event WHERE type = 'account.verified' AND user_id = $1`,
    [id]
  )
  t.equal(events.length, 1, 'and it is told once')
})

void t.test('a link and its code, used at once: exactly one verifies', async (t) => {
  const { token, code, email, id } = await givenRegistration(app)
  const answers = await atOnce(20, (index) =>
    verify(app, index % 2 === 0 ? { token } : { email, code })
  )
  t.equal(statuses(answers)[200], 1)
  t.strictSame(await usersWith(app, id), [id])
})

void t.test(
  'three registrations of one address, verified at once: one user, round after round',
  async (t) => {
    const addresses = Array.from({ length: ROUNDS }, freshEmail)
    const forms = addresses.flatMap((email) => [{ email }, { email }, { email }])
    const registrations = await givenRegistrations(app, forms)
    const seen = []
    for (const address of addresses) {
      const rivals = registrations.filter(({ email }) => email === address)
      const answers = await Promise.all(rivals.map(({ token }) => verify(app, { token })))
      seen.push(...answers)
      const ids = rivals.map(({ id }) => id)
      const winner = ids[answers.findIndex(({ statusCode }) => statusCode === 200)]
      t.strictSame(await usersWith(app, ...ids), [winner])
      t.strictSame(await registrationsWith(app, ...ids), [])
    }
    t.strictSame(statuses(seen), { 200: ROUNDS, 400: 2 * ROUNDS }, 'no deadlock, no 5xx')
  }
)

void t.test(
  'verifying, registering and resending one address at once: no 5xx, one user at most',
  async (t) => {
    for (let round = 0; round < 10; round += 1) {
      const { email, token, id } = await givenRegistration(app)
      const answers = await Promise.all([
        verify(app, { token }),
        resend(email),
        app.post('/auth/register', { email, password: PASSWORD }),
        resend(email),
        verify(app, { token })
      ])
      t.ok(
        answers.every(({ statusCode }) => statusCode < 500),
        JSON.stringify(statuses(answers))
      )
      t.equal((await usersWith(app, id)).length, statuses(answers)[200]! - 2, 'who won has a user')
    }
  }
)

void t.test(
  'a registration after 24 hours, verified by link or code: 400 and no user',
  async (t) => {
    const { email, token, code, id } = await givenRegistration(app)
    await app.moveTime(24 * 3_600 + 1)
    t.equal((await verify(app, { token })).json().code, 'invalid_token')
    t.equal((await verify(app, { email, code })).json().code, 'invalid_token')
    t.strictSame(await usersWith(app, id), [])
    await app.moveTime(24 * 3_600 - 60)
    t.equal((await verify(app, { token })).statusCode, 200, 'a minute before it had worked')
    await app.moveTime(0)
  }
)

void t.test(
  'a new mail, asked for: the old link and code are dead, the new ones work',
  async (t) => {
    const old = await givenRegistration(app)
    t.equal((await resend(old.email)).statusCode, 200)
    const mails = await mailsTo(app, old.email, 2)
    const fresh = secretsOf(mails.find(({ id }) => id !== old.mail.id)!)
    t.equal((await verify(app, { token: old.token })).statusCode, 400)
    t.equal((await verify(app, { email: old.email, code: old.code })).statusCode, 400)
    t.strictSame(await usersWith(app, old.id), [])
    t.equal((await verify(app, { email: old.email, code: fresh.code })).statusCode, 200)
    t.equal(
      (await verify(app, { token: fresh.token })).statusCode,
      400,
      'its link went with its code'
    )
    t.strictSame(await usersWith(app, old.id), [old.id])
  }
)

void t.test(
  'a new mail, asked for by anybody: one answer, and mail only for who waits',
  async (t) => {
    const waiting = await givenRegistration(app)
    const user = await givenUser(app)
    const unknown = freshEmail()
    const answers = [await resend(waiting.email), await resend(user.email), await resend(unknown)]
    for (const answer of answers) {
      t.equal(answer.statusCode, 200)
      t.equal(answer.body, answers[0]?.body)
      t.strictSame(Object.keys(answer.headers).sort(), Object.keys(answers[0]!.headers).sort())
    }
    await outboxEmpty(app)
    t.equal((await mailsTo(app, waiting.email, 2)).length, 2)
    t.equal((await mailsTo(app, user.email, 1)).length, 1, 'nothing new for a verified address')
    t.strictSame(await mailsTo(app, unknown, 0), [])
  }
)

void t.test(
  'the mail goes to the address that registered, not to the spelling just typed',
  async (t) => {
    const email = `Case-${freshEmail()}`
    await givenRegistration(app, { email })
    t.equal((await resend(email.toUpperCase())).statusCode, 200)
    t.equal((await mailsTo(app, email, 2)).length, 2)
    t.strictSame(await mailsTo(app, email.toUpperCase(), 0), [])
  }
)

void t.test('a body that is neither a token nor an address with a code: 422', async (t) => {
  const { email, token, code, id } = await givenRegistration(app)
  const bodies = [
    {},
    { email },
    { code },
    { token, code },
    { token, email, code },
    { token: [token] }
  ]
  for (const body of bodies) {
    t.equal((await verify(app, body)).statusCode, 422, Object.keys(body).join('+'))
  }
  t.strictSame(await usersWith(app, id), [])
})
