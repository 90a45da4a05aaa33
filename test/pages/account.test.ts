import t from 'tap'
import { readConfig } from '../../src/config.ts'
import { readLook } from '../../src/pages/look.ts'
import { textsIn } from '../../src/pages/texts.ts'
import { startApp } from '../support/app.ts'
import { givenSession, givenUser, PASSWORD } from '../support/builders.ts'
import { givenLogin, isLoggedIn, thiefOf } from '../support/page-visitor.ts'
import { liveOnes } from '../support/session-rows.ts'

const app = await startApp(t)
const NEW_PASSWORD = 'granite-otter-77-meadow'

async function nameOf(id: string): Promise<string | null | undefined> {
  return (await app.sql<{ name: string | null }>('SELECT name FROM users WHERE id = $1', [id]))[0]
    ?.name
}

void t.test('the name: changed, cleared, and shown as text', async (t) => {
  const { email, id } = await givenUser(app)
  const visitor = await givenLogin(app, email)
  const hostile = '<img src=x onerror=alert(1)>"\''
  const saved = await visitor.send('/account/profile', { name: `  ${hostile} ` })
  t.equal(saved.headers.location, '/account?done=profile')
  t.equal(await nameOf(id), hostile)
  const { body } = await visitor.open('/account?done=profile')
  t.match(body, /role="status">Your name is saved/)
  t.notMatch(body, '<img')
  await visitor.send('/account/profile', { name: '' })
  t.equal(await nameOf(id), null)
  t.equal((await visitor.send('/account/profile', { name: 'a\u0000b' })).statusCode, 400)
  t.equal((await visitor.send('/account/profile', { name: 'x', roles: 'admin' })).statusCode, 400)
  t.equal(await nameOf(id), null)
})

void t.test('a word in the query that nobody wrote: shows nothing', async (t) => {
  const visitor = await givenLogin(app, (await givenUser(app)).email)
  for (const word of ['nope', 'constructor', '__proto__', 'toString', '<b>']) {
    const { body, statusCode } = await visitor.open(`/account?done=${encodeURIComponent(word)}`)
    t.equal(statusCode, 200)
    t.notMatch(body, 'role="status"', word)
  }
})

void t.test('the password: needs the old one, ends the other logins, keeps this one', async (t) => {
  const { email } = await givenUser(app)
  const visitor = await givenLogin(app, email)
  const other = await givenLogin(app, email)
  const form = {
    current_password: PASSWORD,
    new_password: NEW_PASSWORD,
    confirm_password: NEW_PASSWORD
  }
  const refused: [Record<string, string>, number, RegExp][] = [
    [{ ...form, current_password: 'wrong-otter-12' }, 401, /not your password/],
    [{ ...form, confirm_password: 'x' }, 422, /not the same twice/],
    [{ ...form, new_password: 'password1', confirm_password: 'password1' }, 422, /stronger/]
  ]
  for (const [fields, status, reason] of refused) {
    const answer = await visitor.send('/account/password', fields)
    t.equal(answer.statusCode, status)
    t.match(answer.body, reason)
    t.notOk(answer.body.includes(PASSWORD) || answer.body.includes(NEW_PASSWORD))
  }
  t.ok(await isLoggedIn(other))
  t.equal((await visitor.send('/account/password', form)).statusCode, 303)
  t.ok(await isLoggedIn(visitor))
  t.notOk(await isLoggedIn(other))
  t.equal((await app.post('/auth/login', { email, password: NEW_PASSWORD })).statusCode, 200)
})

void t.test('signing out everywhere: browsers and applications alike', async (t) => {
  const user = await givenUser(app)
  const visitor = await givenLogin(app, user.email)
  const thief = thiefOf(app, visitor)
  const { sessionId } = await givenSession(app, user)
  t.match((await visitor.open('/account')).body, /End all others/)
  const answer = await visitor.send('/account/sign-out-everywhere')
  t.equal(answer.headers.location, '/logout')
  t.equal(visitor.session(), undefined)
  t.notOk(await isLoggedIn(thief))
  t.strictSame(await liveOnes(app, [sessionId]), [])
})

void t.test('forms of the account, by nobody: to the login, and nothing done', async (t) => {
  const { email, id } = await givenUser(app)
  const visitor = await givenLogin(app, email)
  visitor.jar.delete('latchkey_session')
  const answer = await visitor.send('/account/profile', { name: 'Mallory' })
  t.equal(answer.statusCode, 303)
  t.equal(answer.headers.location, '/login?continue=%2Faccount')
  t.equal(await nameOf(id), null)
})

void t.test('applications with access: listed as text, each with its form', (t) => {
  const { render } = readLook(readConfig({}))
  const texts = textsIn('en')
  const consent = {
    clientId: '"><b>id',
    name: '<script>alert(1)</script>',
    scopes: ['openid', 'email'],
    since: new Date('2026-01-02T03:04:05Z')
  }
  const page = (consents: unknown) =>
    render('account', {
      ...texts,
      user: { email: 'ada@example.com', username: null, name: null },
      sessions: [],
      consents,
      csrfField: () => '<input type="hidden" name="csrf_token" value="x">'
    })
  const body = page([consent])
  t.match(body, 'action="/account/apps/revoke"')
  t.match(body, 'name="client_id" value="&quot;&gt;&lt;b&gt;id"')
  t.match(
    body,
    'openid, email · since <time datetime="2026-01-02T03:04:05.000Z">2026-01-02 03:04 UTC'
  )
  t.notMatch(body, '<script>')
  t.match(page([]), 'You have let no application in')
  t.notMatch(page(null), 'Applications with access', 'no such section without the part that knows')
  t.end()
})
