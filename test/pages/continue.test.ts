import t from 'tap'
import { safeContinue } from '../../src/pages/continue.ts'
import { startApp } from '../support/app.ts'
import { givenUser } from '../support/builders.ts'
import { createVisitor, givenLogin } from '../support/page-visitor.ts'

const app = await startApp(t)
const user = await givenUser(app)

const GOOD = [
  '/account',
  '/account/sessions',
  '/account?done=profile',
  '/device',
  '/device?user_code=7KQM-2XHD',
  '/oauth/authorize',
  '/oauth/authorize?client_id=app&redirect_uri=https%3A%2F%2Fapp.example%2Fcb&scope=openid%20email&state=a.b~c',
  '/oauth/authorize?claims=%7B%22id_token%22%3A%7B%7D%7D'
]

const BAD = [
  '',
  '/',
  '/logout',
  '/login',
  '/auth/login',
  '/accounts',
  '/accountant/x',
  '/devices',
  '/oauth',
  '/oauth/',
  'account',
  '//evil.example',
  '//evil.example/oauth/authorize',
  '///evil.example',
  '/\\evil.example',
  '\\\\evil.example',
  '/oauth/../..//evil.example',
  '/oauth/..//evil.example',
  '/oauth/./authorize',
  '/oauth//evil.example',
  '/oauth/%2e%2e/%2e%2e//evil.example',
  '/oauth/%2F%2Fevil.example',
  '/oauth/authorize\\..\\..\\evil.example',
  '/%2fevil.example',
  '/%5cevil.example',
  '%2F%2Fevil.example',
  'https://evil.example',
  'https:/account',
  'https:account',
  'HTTPS://evil.example/account',
  'javascript:alert(1)//account',
  'data:text/html,/account',
  '/account@evil.example',
  '/account:80@evil.example',
  '/account#@evil.example',
  '/account?x#y',
  '/account\n',
  '/account\r\nset-cookie: x=y',
  '/acc\nount',
  '\n/account',
  ' /account',
  '/account ',
  '/account\t',
  '\t//evil.example',
  '/\t/evil.example',
  '/account?x=\u0000',
  '/account?x=é',
  '/account?x=\\',
  '/\u2215evil.example',
  '/account/\u202e',
  `/account?${'x'.repeat(9_000)}`
]

void t.test('where a login may go on to: paths of ours that are meant for it', (t) => {
  for (const target of GOOD) t.equal(safeContinue(target), target)
  for (const target of BAD) t.equal(safeContinue(target), null, JSON.stringify(target))
  t.equal(safeContinue(undefined), null)
  t.end()
})

void t.test(
  'a login with a good target: goes there, from the query through the form',
  async (t) => {
    for (const target of GOOD) {
      const visitor = createVisitor(app)
      const page = await visitor.open(`/login?continue=${encodeURIComponent(target)}`)
      const field = /name="continue" value="([^"]*)"/.exec(page.body)?.[1]
      const sent = field?.replaceAll('&amp;', '&')
      t.equal(sent, target)
      const answer = await visitor.logIn(user.email, { continue: target })
      t.equal(answer.statusCode, 303)
      t.equal(answer.headers.location, target)
    }
  }
)

void t.test('a login with a bad target: goes to the account', async (t) => {
  for (const target of BAD.filter(({ length }) => length < 9_000)) {
    const visitor = createVisitor(app)
    const page = await visitor.open(`/login?continue=${encodeURIComponent(target)}`)
    t.equal(page.statusCode, 200)
    t.notMatch(page.body, 'name="continue"', JSON.stringify(target))
    t.notMatch(page.body, 'evil')
  }
  for (const target of ['//evil.example', '/\\evil.example', '/account\r\nset-cookie: x=y']) {
    const answer = await createVisitor(app).logIn(user.email, { continue: target })
    t.equal(answer.headers.location, '/account', JSON.stringify(target))
    t.notOk(answer.cookies.some(({ name }) => name === 'x'))
  }
})

void t.test('a target given twice, or one that is too long: refused, not guessed', async (t) => {
  const visitor = createVisitor(app)
  t.equal((await visitor.open('/login?continue=/account&continue=//evil.example')).statusCode, 400)
  t.equal((await visitor.open(`/login?continue=/account?${'x'.repeat(8_200)}`)).statusCode, 400)
})

void t.test(
  'form-action: our own pages only, but for what goes on to an application',
  async (t) => {
    const visitor = createVisitor(app)
    const policyOf = async (url: string) =>
      String((await visitor.open(url)).headers['content-security-policy'])
    for (const url of ['/login', '/login?continue=/account', '/register', '/forgot-password']) {
      t.match(await policyOf(url), "form-action 'self'", url)
    }
    const onward = await policyOf('/login?continue=/oauth/authorize%3Fclient_id%3Dx')
    t.notMatch(onward, 'form-action')
    t.match(onward, /default-src 'none'.*script-src 'self'.*frame-ancestors 'none'/)
  }
)

void t.test('the opener of a window: kept for applications alone', async (t) => {
  const policy = 'cross-origin-opener-policy'
  const visitor = createVisitor(app)
  const target = '/oauth/authorize?client_id=x'
  t.equal((await visitor.open('/login')).headers[policy], 'same-origin')
  const page = await visitor.open(`/login?continue=${encodeURIComponent(target)}`)
  t.equal(page.headers[policy], 'unsafe-none')
  const onward = await visitor.logIn(user.email, { continue: target })
  t.equal(onward.headers[policy], 'unsafe-none')
  t.equal((await visitor.logIn(user.email)).headers[policy], 'same-origin')
})

void t.test('the account, by nobody: to the login, and back from there', async (t) => {
  const visitor = createVisitor(app)
  const asked = await visitor.open('/account?done=profile')
  t.equal(asked.statusCode, 303)
  t.equal(asked.headers.location, '/login?continue=%2Faccount')
  const hint = await visitor.open('/login?login_hint=a%22%3E%3Cscript%3E@example.com')
  t.match(hint.body, 'value="a&quot;&gt;&lt;script&gt;@example.com"')
  const there = await givenLogin(app, user.email)
  t.match((await there.open('/login')).body, `logged in as <strong>${user.email}`)
})
