import t from 'tap'
import { startApp } from '../support/app.ts'
import {
  freshEmail,
  givenSession,
  mailTo,
  PASSWORD,
  secretsOf,
  type TestUser
} from '../support/builders.ts'
import { givenAdmin, openBrowser } from '../support/oauth.ts'

const app = await startApp(t)
const admin = await givenAdmin(app)

type Session = Awaited<ReturnType<typeof givenSession>>

/** Somebody whose address is about to be changed, by whoever knows the password, and the mail for it. */
async function givenPendingChange() {
  const session = await givenSession(app)
  const next = freshEmail()
  const headers = { authorization: `Bearer ${session.accessToken}` }
  await app.post('/users/change-email', { email: next, current_password: PASSWORD }, headers)
  return { ...session, next, token: secretsOf(await mailTo(app, next, /Confirm/)).token }
}

async function addressOf({ user }: { user: TestUser }) {
  const answer = await app.get(`/admin/users/${user.id}`, admin)
  return answer.json().user.email as string
}

/** Every way to end all sessions of a person. */
const ENDS: [string, (session: Session) => Promise<{ statusCode: number }>][] = [
  [
    'logging out everywhere',
    ({ accessToken }) =>
      app.post('/auth/logout', { scope: 'all' }, { authorization: `Bearer ${accessToken}` })
  ],
  [
    'logging out everywhere by refresh token',
    ({ refreshToken }) => app.post('/auth/logout', { scope: 'all', refresh_token: refreshToken })
  ],
  [
    'signing out everywhere at the page',
    async ({ user }) => {
      const browser = openBrowser(app)
      await browser.login(user)
      const answer = await browser.post('/account/sign-out-everywhere', {})
      return { statusCode: answer.statusCode === 303 ? 200 : answer.statusCode }
    }
  ],
  [
    'an administrator who ends all sessions',
    ({ user }) =>
      app.post(`/admin/users/${user.id}/end-sessions`, undefined, {
        authorization: `Bearer ${admin}`
      })
  ]
]

for (const [what, end] of ENDS) {
  void t.test(`${what}, while a change of address waits: it leads nowhere`, async (t) => {
    const pending = await givenPendingChange()
    t.equal((await end(pending)).statusCode, 200)
    const confirmed = await app.post('/auth/verify-email', { token: pending.token })
    t.equal(confirmed.json().code, 'invalid_token')
    t.equal(await addressOf(pending), pending.user.email)
  })

  void t.test(`${what}, after a change that happened: the old address undoes it`, async (t) => {
    const changed = await givenPendingChange()
    const { token, user, next } = changed
    t.equal((await app.post('/auth/verify-email', { token })).statusCode, 200)
    t.equal((await end({ ...changed, user: { ...user, email: next } })).statusCode, 200)
    const undo = /token=([\w-]+)/.exec((await mailTo(app, user.email, /was changed/)).text)?.[1]
    t.equal((await app.post('/auth/undo-email-change', { token: undo })).statusCode, 200)
    t.equal(await addressOf(changed), user.email)
  })
}

void t.test('one session, or the others, ended: a change goes on', async (t) => {
  for (const scope of ['this', 'others']) {
    const pending = await givenPendingChange()
    const headers = { authorization: `Bearer ${pending.accessToken}` }
    t.equal((await app.post('/auth/logout', { scope }, headers)).statusCode, 200)
    const { token } = pending
    t.equal((await app.post('/auth/verify-email', { token })).statusCode, 200)
    t.equal(await addressOf(pending), pending.next)
  }
})
