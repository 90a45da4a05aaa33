import t from 'tap'
import { startApp } from '../support/app.ts'
import {
  claimsOf,
  freshEmail,
  givenSession,
  givenUser,
  holdLocks,
  PASSWORD,
  refresh
} from '../support/builders.ts'
import { eventually } from '../support/eventually.ts'
import { scriptBeside } from '../support/script.ts'

const app = await startApp(t)
const users = scriptBeside(app, 'users')

void t.test('the first administrator, made at the command line: has scope and role', async (t) => {
  const email = freshEmail()
  const created = await users(['create', email, '--admin', '--password-stdin'], `${PASSWORD}\n`)
  if (created.status !== 0) throw new Error(created.stderr)
  const admin = await givenSession(app, { id: '', email, password: PASSWORD })
  t.match(claimsOf(admin.accessToken), { roles: ['admin', 'user'], scope: 'account admin' })
  t.match((await users(['create', email])).stderr, 'has an account already')
  t.equal((await givenSession(app)).user.email.length > 0, true)
  const second = await givenSession(app)
  t.match(
    claimsOf(second.accessToken),
    { roles: ['user'], scope: 'account' },
    'nobody is one by being early'
  )
})

void t.test(
  'a person, locked out by wrong guesses, unlocked: gets in, and the trail names the operator',
  async (t) => {
    const { id, email } = await givenUser(app)
    const login = async (password: string) => app.post('/auth/login', { email, password })
    for (let i = 0; i < 7; i += 1) await login('a-wrong-password')
    await holdLocks(app)
    t.equal((await login(PASSWORD)).statusCode, 401)
    t.match(await users(['unlock', email]), { status: 0, stdout: 'Done; 0 sessions ended.' })
    t.equal((await login(PASSWORD)).statusCode, 200)
    const events = await app.sql(
      `SELECT actor_id, details FROM audit_event WHERE type = 'account.unlocked' AND user_id = $1`,
      [id]
    )
    t.match(events, [{ actor_id: null, details: { by: 'operator' } }])
    t.match(await users(['unlock', freshEmail()]), { status: 1, stderr: /^There is no account/ })
  }
)

void t.test('roles and disabling: take effect in a running server', async (t) => {
  const { user, accessToken, refreshToken } = await givenSession(app)
  t.match((await users(['role', user.email, 'nonsense'])).stderr, 'There is no role nonsense')
  t.equal((await users(['role', user.email, 'admin', 'user'])).status, 0)
  const next = (await refresh(app, refreshToken)).json().access_token as string
  t.match(claimsOf(next), { roles: ['admin', 'user'] })
  t.equal((await users(['disable', user.email])).status, 0)
  await eventually(
    'the token is refused',
    async () => (await app.get('/verify-token', accessToken)).statusCode === 401,
    2_000
  )
})
