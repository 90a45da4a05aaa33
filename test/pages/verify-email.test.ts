import { createHash } from 'node:crypto'
import t from 'tap'
import { startApp } from '../support/app.ts'
import { freshEmail } from '../support/builders.ts'
import { atOnce, givenRegistration, login, statuses, usersWith } from '../support/registrations.ts'

const app = await startApp(t)
const PAGE = '/verify-email'

async function submit(fields: Record<string, string>) {
  const body = new URLSearchParams(fields).toString()
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  return app.app.inject({ method: 'POST', url: PAGE, headers, body })
}

/** The fields of the page's form, as a browser would send them. */
function fieldsOf(html: string): Record<string, string> {
  const inputs = [...html.matchAll(/<input [^>]*name="(\w+)"[^>]*?(?:value="([^"]*)")?>/g)]
  return Object.fromEntries(inputs.map(([, name, value]) => [name, value ?? '']))
}

void t.test(
  'the link, looked at fifty times: spends nothing; its form then verifies',
  async (t) => {
    const { token, id, email } = await givenRegistration(app)
    const pages = await atOnce(50, () => app.get(`${PAGE}?token=${token}`))
    t.strictSame(statuses(pages), { 200: 50 })
    for (const method of ['HEAD', 'OPTIONS'] as const) {
      await app.app.inject({ method, url: `${PAGE}?token=${token}` })
    }
    t.strictSame(await usersWith(app, id), [], 'a mail scanner verifies nobody')
    const [row] = await app.sql('SELECT spent_at FROM one_time_token WHERE registration_id = $1', [
      id
    ])
    t.strictSame(row, { spent_at: null })
    const html = pages[0]!.body
    t.match(html, /<form method="post" action="\/verify-email">/)
    t.strictSame(fieldsOf(html), { token })
    const answer = await submit(fieldsOf(html))
    t.equal(answer.statusCode, 200)
    t.match(answer.body, /You can log in now/)
    t.equal(answer.headers['set-cookie'], undefined, 'nobody is logged in')
    t.strictSame(await usersWith(app, id), [id])
    t.equal((await login(app, email)).statusCode, 200)
  }
)

void t.test(
  'the page without a token: its form takes the address and the typed code',
  async (t) => {
    const { email, code, id } = await givenRegistration(app)
    const page = await app.get(PAGE)
    t.equal(page.statusCode, 200)
    t.strictSame(Object.keys(fieldsOf(page.body)), ['email', 'code'])
    const wrong = await submit({ email, code: '2222-2222' })
    t.equal(wrong.statusCode, 400)
    t.match(wrong.body, /role="alert"/)
    t.notOk(wrong.body.includes(email) || wrong.body.includes('2222-2222'), 'nothing is repeated')
    t.equal((await submit({ email, code: code.toLowerCase() })).statusCode, 200)
    t.strictSame(await usersWith(app, id), [id])
  }
)

void t.test('wrong codes, by page and by API: one count', async (t) => {
  const { email, code, id } = await givenRegistration(app)
  for (let guess = 0; guess < 3; guess += 1) await submit({ email, code: '2222-2222' })
  for (let guess = 0; guess < 2; guess += 1) {
    await app.post('/auth/verify-email', { email, code: '2222-2222' })
  }
  const refused = await submit({ email, code })
  t.equal(refused.statusCode, 429)
  t.match(refused.body, /Too many attempts/)
  t.ok(Number(refused.headers['retry-after']) > 3_500, 'and says for how long')
  t.strictSame(await usersWith(app, id), [])
})

void t.test('a form that is wrong: a page that says so, and nothing spent', async (t) => {
  const { token, email, code, id } = await givenRegistration(app)
  const forms: Record<string, string>[] = [
    {},
    { token, email, code },
    { email },
    { token, role: 'admin' },
    { token: '' },
    { token: 'x'.repeat(1_000) },
    { email: 'Ada <ada@example.com>', code }
  ]
  for (const form of forms) {
    const answer = await submit(form)
    t.ok(
      [400, 422].includes(answer.statusCode),
      `${Object.keys(form).join('+')}: ${answer.statusCode}`
    )
    t.match(answer.headers['content-type'], /^text\/html/)
    t.notMatch(answer.body, /at .*\.ts|node_modules/, 'no stack')
  }
  const twice = await app.app.inject({
    method: 'POST',
    url: PAGE,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: `token=${token}&token=${token}`
  })
  t.ok([400, 422].includes(twice.statusCode), 'a field given twice')
  t.strictSame(await usersWith(app, id), [])
})

void t.test(
  'every answer of the page: told to nobody, kept nowhere, nothing from elsewhere',
  async (t) => {
    const { token } = await givenRegistration(app)
    const answers = {
      'the link': await app.get(`${PAGE}?token=${token}`),
      'the page': await app.get(PAGE),
      'a token that is too long': await app.get(`${PAGE}?token=${'x'.repeat(200)}`),
      'two tokens': await app.get(`${PAGE}?token=a&token=b`),
      'a refusal': await submit({ token: 'wrong' }),
      'a wrong form': await submit({}),
      success: await submit({ token })
    }
    for (const [what, { headers, body, statusCode }] of Object.entries(answers)) {
      t.ok(statusCode < 500, what)
      t.equal(headers['referrer-policy'], 'same-origin', what)
      t.equal(headers['cache-control'], 'no-store', what)
      t.equal(headers['x-content-type-options'], 'nosniff', what)
      t.equal(headers['x-frame-options'], 'DENY', what)
      const policy = String(headers['content-security-policy'])
      t.match(policy, /default-src 'none'/)
      t.match(policy, /frame-ancestors 'none'/)
      t.match(policy, /form-action 'self'/)
      t.match(policy, /base-uri 'none'/)
      t.notMatch(policy, /unsafe|https?:|\*/, what)
      t.notMatch(body, /<script|<style|\son\w+=|style=|javascript:/i, `${what}: nothing inline`)
      const loaded = [...body.matchAll(/(?:src|href|action)="([^"]*)"/g)].map(([, url]) => url!)
      t.ok(loaded.length > 0)
      for (const url of loaded) t.match(url, /^\/(?!\/)/, `${what}: ${url} is ours`)
    }
    const css = await app.get('/assets/pages.css')
    t.equal(css.statusCode, 200)
    t.notMatch(
      css.body,
      /@import|url\(\s*["']?(https?:)?\/\//,
      'the style sheet loads nothing either'
    )
  }
)

const HOSTILE = [
  '"><script>alert(1)</script>',
  "'><img src=x onerror=alert(1)>",
  '" autofocus onfocus="alert(1)',
  '<%= 7*7 %>',
  '</form><form action="https://evil.example">',
  '&quot;&#x22;',
  '\u202e\u2066'
]

void t.test(
  'a hostile token in the link: text in an attribute, and sent back as it came',
  async (t) => {
    const shape = (html: string) => html.replaceAll(/value="[^"]*"/g, 'value=""')
    const harmless = shape((await app.get(`${PAGE}?token=harmless`)).body)
    for (const token of HOSTILE) {
      const { body, statusCode } = await app.get(`${PAGE}?token=${encodeURIComponent(token)}`)
      t.equal(statusCode, 200)
      t.equal(shape(body), harmless, 'nothing but the value differs')
      const { token: kept } = fieldsOf(body)
      const read = kept!
        .replaceAll('&quot;', '"')
        .replaceAll('&#39;', "'")
        .replaceAll('&lt;', '<')
        .replaceAll('&gt;', '>')
        .replaceAll('&amp;', '&')
      t.equal(read, token, 'as a browser reads it')
      t.equal((await submit({ token })).statusCode, 400)
    }
  }
)

void t.test(
  'what is refused at the page: the same for a link that was used and one that never was',
  async (t) => {
    const { token } = await givenRegistration(app)
    await submit({ token })
    const used = await submit({ token })
    const unknown = await submit({
      token: createHash('sha256').update(freshEmail()).digest('base64url')
    })
    t.equal(used.statusCode, 400)
    t.equal(unknown.body, used.body)
  }
)
