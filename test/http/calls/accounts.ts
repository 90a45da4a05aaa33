import {
  freshEmail,
  givenSession,
  givenUser,
  mailTo,
  PASSWORD,
  secretsOf
} from '../../support/builders.ts'
import type { World } from './world.ts'

const NEXT_PASSWORD = 'granite-otter-77-meadow'
const WRONG_CODE = 'AAAA-AAAA'

/** Registering, passwords, profile, address: as people do it, and as it is refused. */
export async function callAccounts({ app, call }: World): Promise<void> {
  const password = PASSWORD
  const email = freshEmail()
  const username = 'first-come'
  await call('POST /auth/register', { body: { email, password, username } })
  await call('POST /auth/register', { body: { email: freshEmail(), password, username } })
  await call('POST /auth/register', { body: { email: freshEmail(), password: 'password' } })
  await call('POST /auth/resend-verification', { body: { email: freshEmail() } })
  const { token } = secretsOf(await mailTo(app, email))
  await call('POST /auth/verify-email', { body: { token } })
  await call('POST /auth/verify-email', { body: { token } })
  for (let i = 0; i < 6; i += 1) {
    await call('POST /auth/verify-email', {
      body: { email: 'nobody@example.com', code: WRONG_CODE }
    })
  }
  await callPasswords({ app, call }, email)
  await callProfile({ app, call })
  await callEmailChange({ app, call })
}

type Caller = Pick<World, 'app' | 'call'>

/** By every name that the routes answer to. */
async function callPasswords({ app, call }: Caller, email: string): Promise<void> {
  const new_password = NEXT_PASSWORD
  for (const [forgot, reset] of [
    ['POST /auth/forgot-password', 'POST /auth/reset-password'],
    ['POST /auth/password-reset/request', 'POST /auth/password-reset/confirm']
  ] as const) {
    const person = await givenUser(app)
    await call(forgot, { body: { email: person.email } })
    const { token } = secretsOf(await mailTo(app, person.email, /Reset/))
    await call(reset, { body: { token, new_password } })
    await call(reset, { body: { token, new_password } })
    for (let i = 0; i < 6; i += 1) {
      await call(reset, { body: { email, code: WRONG_CODE, new_password } })
    }
  }
  const { accessToken: token } = await givenSession(app)
  const change = { current_password: PASSWORD, new_password }
  await call('POST /users/change-password', { token, body: change })
  await call('POST /users/change-password', { token, body: change })
}

async function callProfile({ app, call }: Caller): Promise<void> {
  const { accessToken: token } = await givenSession(app)
  await call('GET /auth/me', { token })
  await call('GET /users/profile', { token })
  await call('GET /users/export', { token })
  await call('PUT /users/profile', { token, body: { name: 'Ada', username: 'ada' } })
  await call('PUT /users/profile', { token, body: { username: 'first-come' } })
  await call('DELETE /users/delete-account', { token, body: { password: 'not-the-password' } })
  await call('DELETE /users/delete-account', { token, body: { password: PASSWORD } })
}

async function callEmailChange({ app, call }: Caller): Promise<void> {
  const { user, accessToken: token } = await givenSession(app)
  const body = { email: freshEmail(), current_password: PASSWORD }
  const wrong = { ...body, current_password: 'not-the-password' }
  await call('POST /users/change-email', { token, body: wrong })
  await call('POST /users/change-email', { token, body })
  const confirm = secretsOf(await mailTo(app, body.email))
  await app.post('/auth/verify-email', { token: confirm.token })
  await call('POST /users/change-email', { token, body: { ...body, email: freshEmail() } })
  await call('DELETE /users/delete-account', { token, body: { password: PASSWORD } })
  const undo = /token=([\w-]+)/.exec((await mailTo(app, user.email, /was changed/)).text)?.[1]
  await call('POST /auth/undo-email-change', { body: { token: undo } })
  await call('POST /auth/undo-email-change', { body: { token: undo } })
}
