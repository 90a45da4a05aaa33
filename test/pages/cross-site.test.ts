import t from 'tap'
import { startApp } from '../support/app.ts'
import { freshEmail, PASSWORD } from '../support/builders.ts'
import { createVisitor, formTokenOf, givenLogin, type Visitor } from '../support/page-visitor.ts'

const ISSUER = 'https://id.example.com'
const FRONT_END = 'https://app.example.com'
const app = await startApp(t, {
  ISSUER,
  CORS_ORIGINS: FRONT_END,
  EMAIL_VERIFICATION: 'optional'
})

/** Where a form comes from that is not ours. None of them has a token. */
const FOREIGN: Record<string, Record<string, string>> = {
  'another site': { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' },
  'another site, with our Origin': { 'sec-fetch-site': 'cross-site', origin: ISSUER },
  'another host of our site': { 'sec-fetch-site': 'same-site', origin: FRONT_END },
  'an old browser on another site': { origin: 'https://evil.example' },
  'an origin that begins like ours': { origin: `${ISSUER}.evil.example` },
  'our host by http': { origin: 'http://id.example.com' },
  'an origin that may use the API': { origin: FRONT_END },
  'a sandboxed frame': { origin: 'null' },
  'a sandboxed frame, a new browser': { origin: 'null', 'sec-fetch-site': 'cross-site' },
  'who says nothing': {},
  'who says "none"': { 'sec-fetch-site': 'none' }
}

/** Where it is ours. */
const OWN: Record<string, Record<string, string>> = {
  'a browser of today': { 'sec-fetch-site': 'same-origin', origin: ISSUER },
  'a page without referrer': { 'sec-fetch-site': 'same-origin', origin: 'null' },
  'an older browser': { origin: ISSUER }
}

const FORMS: Record<string, Record<string, string>> = {
  '/register': {
    email: 'mallory@example.com',
    password: PASSWORD,
    confirm_password: PASSWORD
  },
  '/logout': {},
  '/account/profile': { name: 'Mallory' },
  '/account/password': {
    current_password: PASSWORD,
    new_password: 'granite-otter-77-meadow',
    confirm_password: 'granite-otter-77-meadow'
  },
  '/account/sessions/end': { id: '00000000-0000-7000-8000-000000000000' },
  '/account/sessions/end-others': {},
  '/account/sign-out-everywhere': {}
}

async function givenOptionalUser(): Promise<{ id: string; email: string }> {
  const email = freshEmail()
  const answer = await app.post('/auth/register', { email, password: PASSWORD })
  return { id: answer.json().user.id as string, email }
}

async function stateOf(id: string) {
  return app.sql(
    `SELECT u.name, u.password_hash, s.id, s.revoked_at, (SELECT count(*) FROM users) AS people
       FROM users u LEFT JOIN session s ON s.user_id = u.id WHERE u.id = $1 ORDER BY s.id`,
    [id]
  )
}

for (const [who, headers] of Object.entries(FOREIGN)) {
  void t.test(`every form, from ${who}: 403, and nothing has changed`, async (t) => {
    const { id, email } = await givenOptionalUser()
    const visitor = await givenLogin(app, email)
    const before = await stateOf(id)
    const cookie = visitor.session()
    for (const [url, fields] of Object.entries({
      '/login': { email, password: PASSWORD },
      ...FORMS
    })) {
      const answer = await visitor.send(url, fields, { headers })
      t.equal(answer.statusCode, 403, url)
      t.strictSame(answer.cookies, [], `${url} sets no cookie`)
      t.match(answer.headers['content-type'], /^text\/html/)
    }
    t.strictSame(await stateOf(id), before)
    t.equal(visitor.session(), cookie)
    t.equal((await visitor.open('/account')).statusCode, 200, 'still logged in')
  })
}

for (const [who, headers] of Object.entries(OWN)) {
  void t.test(`the login form, from ${who}: taken without its token`, async (t) => {
    const { email } = await givenOptionalUser()
    const visitor = createVisitor(app)
    const answer = await visitor.send('/login', { email, password: PASSWORD }, { headers })
    t.equal(answer.statusCode, 303)
  })
}

void t.test('a browser that says nothing of itself: the token of its own form', async (t) => {
  const { email } = await givenOptionalUser()
  const fields = { email, password: PASSWORD }
  const silent: Record<string, string>[] = [{}, { origin: 'null' }, { 'sec-fetch-site': 'none' }]
  const stranger = createVisitor(app)
  const foreignToken = formTokenOf((await stranger.open('/login')).body)
  for (const headers of silent) {
    const visitor = createVisitor(app)
    const page = await visitor.open('/login')
    const token = formTokenOf(page.body)
    t.match(page.cookies, [
      { name: '__Host-latchkey_form', httpOnly: true, secure: true, path: '/' }
    ])
    const bad = [null, '', 'x.y', '.', foreignToken, `${token}x`, `${token}.x`, token.slice(1)]
    for (const wrong of bad) {
      const answer = await visitor.send('/login', fields, { headers, token: wrong })
      t.equal(answer.statusCode, 403, JSON.stringify([headers, wrong]))
    }
    t.equal((await visitor.send('/login', fields, { headers, token })).statusCode, 303)
  }
})

void t.test('a token without its cookie, or with a forged one: refused', async (t) => {
  const { email } = await givenOptionalUser()
  const fields = { email, password: PASSWORD }
  const visitor = createVisitor(app)
  const token = formTokenOf((await visitor.open('/login')).body)
  for (const cookie of ['', 'x', 'A'.repeat(43)]) {
    visitor.jar.set('__Host-latchkey_form', cookie)
    const answer = await visitor.send('/login', fields, { headers: {}, token })
    t.equal(answer.statusCode, 403, cookie)
  }
})

void t.test('two looks at a page: two tokens, one cookie, both hold', async (t) => {
  const { email } = await givenOptionalUser()
  const visitor = createVisitor(app)
  const first = formTokenOf((await visitor.open('/login')).body)
  const again = await visitor.open('/login')
  t.not(formTokenOf(again.body), first)
  t.strictSame(again.cookies, [])
  const answer = await visitor.send(
    '/login',
    { email, password: PASSWORD },
    { headers: {}, token: first }
  )
  t.equal(answer.statusCode, 303)
})

void t.test(
  'the login of a foreign page, by somebody logged in: they stay who they are',
  async (t) => {
    const alice = await givenOptionalUser()
    const mallory = await givenOptionalUser()
    const visitor: Visitor = await givenLogin(app, alice.email)
    const headers = FOREIGN['another site']!
    const answer = await visitor.send(
      '/login',
      { email: mallory.email, password: PASSWORD },
      { headers }
    )
    t.equal(answer.statusCode, 403)
    t.match((await visitor.open('/account')).body, alice.email)
  }
)

void t.test(
  'every form page: a field for the token, and fields that password managers know',
  async (t) => {
    const { email } = await givenOptionalUser()
    const visitor = createVisitor(app)
    const fieldsOf = async (url: string) => {
      const { body } = await visitor.open(url)
      const inputs = [...body.matchAll(/<input [^>]*>/g)].map(([input]) => input)
      const value = (input: string, name: string) =>
        new RegExp(`${name}="([^"]*)"`).exec(input)?.[1]
      return Object.fromEntries(
        inputs.map((input) => [value(input, 'name'), value(input, 'autocomplete')])
      )
    }
    t.match(await fieldsOf('/login'), { email: 'username', password: 'current-password' })
    t.match(await fieldsOf('/register'), {
      name: 'name',
      email: 'username',
      password: 'new-password',
      confirm_password: 'new-password'
    })
    await visitor.logIn(email)
    t.match(await fieldsOf('/account'), {
      current_password: 'current-password',
      new_password: 'new-password',
      confirm_password: 'new-password'
    })
    for (const url of ['/login', '/register', '/logout', '/account']) {
      const { body } = await visitor.open(url)
      const forms = body.split('<form').slice(1)
      t.ok(forms.length > 0)
      for (const form of forms)
        t.match(form, /^ method="post"[^>]*>\s*<input type="hidden" name="csrf_token"/, url)
    }
  }
)
