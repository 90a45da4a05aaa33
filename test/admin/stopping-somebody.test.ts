import t from 'tap'
import { givenAdministrator } from '../support/administrator.ts'
import { startApp } from '../support/app.ts'
import {
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
import { scriptBeside } from '../support/script.ts'

const app = await startApp(t)
const { call } = await givenAdministrator(app)
const users = scriptBeside(app, 'users')

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
      await users(['disable', email])
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
