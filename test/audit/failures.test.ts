import t from 'tap'
import { startApp } from '../support/app.ts'
import {
  freshEmail,
  givenSession,
  givenUser,
  mailTo,
  PASSWORD,
  secretsOf
} from '../support/builders.ts'
import { atOnce, givenRegistration } from '../support/registrations.ts'

const app = await startApp(t)

/**
 * The events that `act` writes. Ids are no order here: a clock that is read anew may step back a little. What is told
 * of a run of guesses comes two seconds after it, while another test looks.
 */
async function eventsBy(act: () => Promise<unknown>) {
  const before = await app.sql<{ id: string }>('SELECT id FROM audit_event')
  await act()
  return app.sql(
    `SELECT type, user_id, details, request_id IS NOT NULL AS has_request,
            address_sealed IS NOT NULL AS has_address
       FROM audit_event WHERE id <> ALL ($1::uuid[]) AND type <> 'account.throttled'`,
    [before.map(({ id }) => id)]
  )
}

const event = (type: string, userId: string | null, details: object) => ({
  type,
  user_id: userId,
  details,
  has_request: true,
  has_address: true
})

void t.test('mail secrets that do not hold: an event each, which names nobody', async (t) => {
  const { email, token } = await givenRegistration(app)
  await app.post('/auth/verify-email', { token })
  const wrong = 'x'.repeat(43)
  const verification = (by: string) => event('account.verification_failed', null, { by })
  const verify = (body: object) => eventsBy(() => app.post('/auth/verify-email', body))
  t.strictSame(await verify({ token }), [verification('link')], 'spent')
  t.strictSame(await verify({ token: wrong }), [verification('link')], 'unknown')
  t.strictSame(await verify({ email, code: '2222-2222' }), [verification('code')], 'known address')
  const stranger = { email: freshEmail(), code: '2222-2222' }
  t.strictSame(await verify(stranger), [verification('code')], 'unknown address')
  const reset = { token: wrong, new_password: 'another-lantern-77-opal' }
  t.strictSame(await eventsBy(() => app.post('/auth/reset-password', reset)), [
    event('password.reset_failed', null, { by: 'link' })
  ])
  t.strictSame(await eventsBy(() => app.post('/auth/undo-email-change', { token: wrong })), [
    event('email.change_undo_failed', null, { by: 'link' })
  ])
})

void t.test('mail secrets guessed on and on: a network fills no table', async (t) => {
  const guess = async (n: number) => {
    const answer = await app.app.inject({
      method: 'POST',
      url: '/auth/verify-email',
      body: { token: `${'y'.repeat(40)}${n}` },
      remoteAddress: '198.51.100.200'
    })
    t.equal(answer.statusCode, 400)
  }
  const events = await eventsBy(async () => {
    for (let wave = 0; wave < 6; wave += 1) await atOnce(20, (n) => guess(wave * 20 + n))
  })
  t.equal(events.length, 100)
})

void t.test(
  'logins tried on and on: a network fills no table, under no kind of name',
  async (t) => {
    const { email } = await givenUser(app)
    const attempt = async (n: number) => {
      const name = n % 10 === 0 ? email : `nobody-${n}@example.com`
      const body = { email: name, password: `not it ${n}` }
      const remoteAddress = '198.51.100.201'
      const answer = await app.app.inject({
        method: 'POST',
        url: '/auth/login',
        body,
        remoteAddress
      })
      t.equal(answer.statusCode, 401)
    }
    const events = await eventsBy(async () => {
      for (let wave = 0; wave < 6; wave += 1) await atOnce(20, (n) => attempt(wave * 20 + n))
    })
    t.equal(events.filter(({ type }) => type === 'login.failed').length, 100)
  }
)

void t.test(
  'a sensitive change without the password: an event that names its session’s person',
  async (t) => {
    const { user, accessToken } = await givenSession(app)
    const headers = { authorization: `Bearer ${accessToken}` }
    const body = { current_password: 'not-it-at-all', new_password: 'another-lantern-77-opal' }
    t.strictSame(await eventsBy(() => app.post('/users/change-password', body, headers)), [
      event('password.proof_failed', user.id, {})
    ])
  }
)

void t.test(
  'the right password of somebody who may not come in: named, with the reason',
  async (t) => {
    const { id, email } = await givenUser(app)
    const login = () => eventsBy(() => app.post('/auth/login', { email, password: PASSWORD }))
    await app.sql(`UPDATE users SET status = 'disabled' WHERE id = $1`, [id])
    t.strictSame(await login(), [event('login.failed', id, { reason: 'account_disabled' })])
    await app.sql(`UPDATE users SET status = 'active', must_reset = true WHERE id = $1`, [id])
    t.strictSame(await login(), [event('login.failed', id, { reason: 'password_reset_required' })])
    await app.sql(`UPDATE users SET must_reset = false, email_verified_at = NULL WHERE id = $1`, [
      id
    ])
    t.strictSame(await login(), [event('login.failed', id, { reason: 'email_not_verified' })])
    t.strictSame(await app.sql('SELECT id FROM session WHERE user_id = $1', [id]), [])
  }
)

void t.test('a reset by mail: asked for, done, and done twice', async (t) => {
  const { id, email } = await givenUser(app)
  await app.post('/auth/forgot-password', { email })
  const { token } = secretsOf(await mailTo(app, email, /password/i))
  const body = { token, new_password: 'another-lantern-77-opal' }
  t.strictSame(await eventsBy(() => app.post('/auth/reset-password', body)), [
    event('password.reset', id, {})
  ])
  t.strictSame(await eventsBy(() => app.post('/auth/reset-password', body)), [
    event('password.reset_failed', null, { by: 'link' })
  ])
})
