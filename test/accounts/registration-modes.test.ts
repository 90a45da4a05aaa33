import t from 'tap'
import { startApp } from '../support/app.ts'
import { freshEmail, givenUser, secretsOf } from '../support/builders.ts'
import {
  atOnce,
  givenRegistration,
  login,
  mailsTo,
  register,
  registrationsWith,
  statuses,
  usersWith,
  verify
} from '../support/registrations.ts'

void t.test('REGISTRATION_REVEALS_EMAIL=true', async (t) => {
  const app = await startApp(t, { REGISTRATION_REVEALS_EMAIL: 'true' })

  await t.test('a taken address, registered: 409 email_taken, no row, no mail', async (t) => {
    const { email } = await givenUser(app)
    const before = await app.sql('SELECT count(*)::int FROM outbox_message')
    const answer = await register(app, { email, username: 'not-reserved' })
    t.equal(answer.statusCode, 409)
    t.equal(answer.json().code, 'email_taken')
    t.strictSame(await app.sql('SELECT id FROM registration'), [])
    t.strictSame(await app.sql('SELECT username FROM username'), [])
    t.strictSame(await app.sql('SELECT count(*)::int FROM outbox_message'), before)
  })

  await t.test('a free address, registered: still no user before the mail', async (t) => {
    const { id, email, token } = await givenRegistration(app)
    t.strictSame(await usersWith(app, id), [])
    t.equal((await login(app, email)).statusCode, 401)
    t.equal((await verify(app, { token })).statusCode, 200)
    t.equal((await login(app, email)).statusCode, 200)
  })
})

void t.test('EMAIL_VERIFICATION=optional', async (t) => {
  const app = await startApp(t, { EMAIL_VERIFICATION: 'optional' })

  await t.test('an address, registered: a user at once, who may log in', async (t) => {
    const { id, email, token } = await givenRegistration(app, { username: 'at-once' })
    t.strictSame(await usersWith(app, id), [id])
    t.strictSame(await registrationsWith(app, id), [])
    const answer = await login(app, email)
    t.equal(answer.statusCode, 200)
    t.match(answer.json().user, { id, email_verified: false, username: 'at-once' })
    t.equal((await verify(app, { token })).statusCode, 200, 'the mail verifies later')
    t.equal((await login(app, email)).json().user.email_verified, true)
    t.equal((await verify(app, { token })).statusCode, 400, 'once')
  })

  await t.test('a new mail, asked for before it was verified: works in its place', async (t) => {
    const old = await givenRegistration(app)
    await app.post('/auth/resend-verification', { email: old.email })
    const mails = await mailsTo(app, old.email, 2)
    const fresh = secretsOf(mails.find(({ id }) => id !== old.mail.id)!)
    t.equal((await verify(app, { token: old.token })).statusCode, 400)
    t.equal((await verify(app, { email: old.email, code: fresh.code })).statusCode, 200)
    t.equal((await login(app, old.email)).json().user.email_verified, true)
  })

  await t.test('a taken address, registered: 409 email_taken', async (t) => {
    const { email } = await givenRegistration(app)
    const answer = await register(app, { email })
    t.equal(answer.statusCode, 409)
    t.equal(answer.json().code, 'email_taken')
  })

  await t.test(
    'one address, twenty registrations at once: one user, nothing left over',
    async (t) => {
      const email = freshEmail()
      const answers = await atOnce(20, (index) =>
        register(app, { email, username: `rival-${index}` })
      )
      t.strictSame(statuses(answers), { 201: 1, 409: 19 })
      const winner = answers.find(({ statusCode }) => statusCode === 201)?.json().user.id as string
      t.strictSame(await usersWith(app, winner), [winner])
      t.strictSame(await app.sql('SELECT id FROM registration'), [], 'no registration stays behind')
      const held = await app.sql<{ holder: string }>(
        `SELECT holder_id AS holder FROM username WHERE username LIKE 'rival-%'`
      )
      t.strictSame(held, [{ holder: winner }], 'and no username stays reserved')
      await app.post('/auth/resend-verification', { email })
      const mails = await mailsTo(app, email, 2)
      t.ok(
        mails.every(({ subject }) => subject.startsWith('Verify')),
        'the owner can still be mailed a link'
      )
    }
  )
})
