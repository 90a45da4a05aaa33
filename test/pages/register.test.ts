import t from 'tap'
import { startApp } from '../support/app.ts'
import { freshEmail, givenUser, mailTo, PASSWORD } from '../support/builders.ts'
import { createVisitor, isLoggedIn } from '../support/page-visitor.ts'
import { outboxEmpty } from '../support/registrations.ts'

const app = await startApp(t)

const form = (email: string) => ({
  name: 'Ada Lovelace',
  email,
  password: PASSWORD,
  confirm_password: PASSWORD
})

void t.test('a free address and a taken one: the same answer, nobody is logged in', async (t) => {
  const taken = await givenUser(app)
  const free = freshEmail()
  const answers = []
  for (const email of [free, taken.email]) {
    const visitor = createVisitor(app)
    const answer = await visitor.send('/register', form(email))
    t.equal(answer.statusCode, 303)
    t.equal(answer.headers.location, '/register/mail')
    t.strictSame(answer.cookies, [])
    const headers = Object.entries(answer.headers).filter(
      ([name]) => name !== 'date' && name !== 'x-request-id' && !name.startsWith('ratelimit')
    )
    answers.push({ body: answer.body, headers })
  }
  t.strictSame(answers[0], answers[1])
  t.match((await app.get('/register/mail')).body, /mail is on its way/)
  t.match(await mailTo(app, free), { subject: /Verify/ })
  await outboxEmpty(app)
  const [row] = await app.sql<{ name: string }>(
    'SELECT name FROM registration ORDER BY created_at LIMIT 1'
  )
  t.equal(row?.name, 'Ada Lovelace')
})

const REFUSED: [string, Record<string, string>, RegExp][] = [
  ['passwords that differ', { confirm_password: `${PASSWORD}!` }, /not the same twice/],
  ['a weak password', { password: 'password1', confirm_password: 'password1' }, /stronger/],
  ['no address', { email: 'ada' }, /The e-mail address must be/],
  ['nothing typed', { password: '', confirm_password: '' }, /try again/],
  ['a field too many', { role: 'admin' }, /try again/],
  ['a name with a line break', { name: 'a\nb' }, /try again/]
]

for (const [what, change, reason] of REFUSED) {
  void t.test(`a form with ${what}: says so, keeps what was typed but no password`, async (t) => {
    const fields = { ...form(freshEmail()), ...change }
    const { statusCode, body } = await createVisitor(app).send('/register', fields)
    t.ok([400, 422].includes(statusCode))
    t.match(body, reason)
    t.notOk(body.includes(PASSWORD))
    t.strictSame(await app.sql('SELECT id FROM registration WHERE name = $1', ['a\nb']), [])
  })
}

void t.test('hostile fields: text, and nothing else', async (t) => {
  const hostile = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
  const visitor = createVisitor(app)
  const fields = { ...form(hostile), name: hostile, confirm_password: 'x' }
  const { body } = await visitor.send('/register', fields)
  t.notMatch(body, /<script>|<img/)
  const login = await visitor.send('/login', { email: hostile, password: 'wrong-otter-12' })
  t.notMatch(login.body, /<script>|<img/)
})

void t.test('a closed network: registering logs in, and goes on', async (t) => {
  const closed = await startApp(t, { EMAIL_VERIFICATION: 'optional' })
  const visitor = createVisitor(closed)
  const email = freshEmail()
  const target = '/oauth/authorize?client_id=app'
  const answer = await visitor.send('/register', { ...form(email), continue: target })
  t.equal(answer.statusCode, 303)
  t.equal(answer.headers.location, target)
  t.ok(await isLoggedIn(visitor))
  const again = await createVisitor(closed).send('/register', form(email))
  t.equal(again.statusCode, 409)
  t.match(again.body, /Log in instead/)
  const policyOf = async (server: typeof app) => {
    const page = await server.get(`/register?continue=${encodeURIComponent(target)}`)
    return String(page.headers['content-security-policy'])
  }
  t.notMatch(await policyOf(closed), 'form-action')
  t.match(await policyOf(app), "form-action 'self'", 'the mail comes between')
})

void t.test('too many from one address: a page that says how long to wait (P5)', async (t) => {
  const strict = await startApp(t, {
    RATE_LIMIT_REGISTER_PER_HOUR: '3',
    RATE_LIMIT_LOGIN_PER_MINUTE: '5'
  })
  const visitor = createVisitor(strict)
  for (let count = 0; count < 3; count += 1) {
    t.equal((await visitor.send('/register', form(freshEmail()))).statusCode, 303)
  }
  const refused = await visitor.send('/register', form(freshEmail()))
  t.equal(refused.statusCode, 429)
  t.match(refused.headers['content-type'], /^text\/html/)
  t.match(refused.body, /Try again in \d+ minutes\./)
  t.ok(Number(refused.headers['retry-after']) > 3_000)
  t.equal((await strict.post('/auth/register', form(freshEmail()))).statusCode, 429, 'one group')
  for (let count = 0; count < 5; count += 1) await visitor.logIn('nobody@example.com')
  const login = await visitor.logIn('nobody@example.com')
  t.equal(login.statusCode, 429)
  t.match(login.body, /Try again in \d+ seconds?\./)
  t.equal((await visitor.open('/login')).statusCode, 200, 'the page itself is there')
})
