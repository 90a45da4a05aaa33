import { randomInt } from 'node:crypto'
import t from 'tap'
import { startApp } from '../support/app.ts'
import { freshEmail, givenUser as givenUserOf, PASSWORD } from '../support/builders.ts'
import { atOnce } from '../support/registrations.ts'
import { startSiteverify } from '../support/siteverify.ts'
import { timed } from '../support/timed.ts'

const WRONG = 'not-the-password-7'
const provider = await startSiteverify(t, () => ({ hostname: 'localhost', action: '', cdata: '' }))
const app = await startApp(t, { ...provider.env, CAPTCHA_PROVIDER: 'turnstile' })

const freshAddress = () => `198.${randomInt(18, 20)}.${randomInt(256)}.${randomInt(1, 255)}`

async function send(url: string, body: object, remoteAddress = freshAddress()) {
  return app.app.inject({ method: 'POST', url, body, remoteAddress })
}

const login = async (email: string, more: object = {}, address?: string) =>
  send('/auth/login', { email, password: WRONG, ...more }, address)

/** Registered from an address of their own, so that none becomes suspicious by it. */
const givenUser = async () =>
  givenUserOf({ ...app, post: async (url, body) => send(url, body ?? {}) })

/** A name under which three wrong logins were tried, each from elsewhere. */
async function givenSuspicion(email: string): Promise<void> {
  for (let i = 0; i < 3; i += 1) await login(email)
}

async function counted(outcome: string): Promise<number> {
  const pattern = new RegExp(`captcha_checks_total\\{outcome="${outcome}"\\} (\\d+)`)
  return Number(pattern.exec((await app.get('/metrics')).body)?.[1] ?? 0)
}

void t.test('wrong logins under one name: the fourth has to solve a CAPTCHA', async (t) => {
  const { email } = await givenUser()
  await givenSuspicion(email)
  const hashed = async () =>
    (await app.sql<{ n: number }>('SELECT sum(failures)::int AS n FROM guess_lane'))[0]?.n
  const before = await hashed()
  const answer = await login(email, { password: PASSWORD })
  t.equal(answer.statusCode, 403)
  t.match(answer.headers['content-type'], 'application/problem+json')
  t.match(answer.json(), {
    code: 'captcha_required',
    captcha: { provider: 'turnstile', site_key: 'the-public-site-key', action: 'login' }
  })
  t.equal(await hashed(), before, 'and nothing was guessed')
  const token = provider.solve()
  t.equal((await login(email, { captcha_token: token })).json().code, 'invalid_credentials')
  const good = await login(email, { captcha_token: provider.solve(), password: PASSWORD })
  t.equal(good.statusCode, 200)
  const form = new URLSearchParams(provider.seen.at(-1)?.body)
  t.strictSame([...form.keys()], ['secret', 'response'], 'the provider learns nothing else')
})

void t.test('a known, an unknown and a locked name: the same sequence (P3)', async (t) => {
  const known = (await givenUser()).email
  const locked = (await givenUser()).email
  await app.sql('DELETE FROM guess_lane')
  const sequence = async (email: string) => {
    const answers = []
    for (let i = 0; i < 3; i += 1) answers.push(await login(email))
    answers.push(await login(email))
    answers.push(await login(email, { captcha_token: 'made up' }))
    for (let i = 0; i < 3; i += 1)
      answers.push(await login(email, { captcha_token: provider.solve() }))
    answers.push(await send('/auth/register', { email, password: PASSWORD }))
    answers.push(await send('/auth/forgot-password', { email }))
    return answers.map((answer) => `${answer.statusCode} ${answer.json().code as string}`)
  }
  const unknown = await sequence(freshEmail())
  t.match(unknown.join(), /^(401[^,]*,){3}(403[^,]*,){2}(401[^,]*,){3}201[^,]*,200/)
  t.strictSame(await sequence(known), unknown)
  await app.sql(`UPDATE guess_lane SET blocked_until = latchkey_now() + interval '1 hour'`)
  t.strictSame(await sequence(locked), unknown)
})

void t.test('one network, whatever names it tries: the fourth attempt is asked', async (t) => {
  const v6 = () => `2001:db8:7:9:${randomInt(9_999)}::${randomInt(9_999)}`
  for (let i = 0; i < 3; i += 1) await login(freshEmail(), {}, v6())
  t.equal((await login(freshEmail(), {}, v6())).json().code, 'captcha_required', 'the /64 is one')
  t.equal((await login(freshEmail(), {}, '2001:db8:7:a::1')).statusCode, 401, 'its neighbour not')
  const address = freshAddress()
  await send('/auth/register', { email: freshEmail(), password: PASSWORD }, address)
  await send('/auth/forgot-password', { email: freshEmail() }, address)
  await send('/auth/register', { email: freshEmail(), password: 'weak' }, address)
  await send('/auth/register', { email: freshEmail(), password: PASSWORD }, address)
  for (const [url, action] of [
    ['/auth/register', 'register'],
    ['/auth/forgot-password', 'forgot_password'],
    ['/auth/password-reset/request', 'forgot_password']
  ] as const) {
    const body = { email: freshEmail(), ...(action === 'register' && { password: PASSWORD }) }
    const asked = await send(url, body, address)
    t.match(asked.json(), { code: 'captcha_required', captcha: { action } })
    const passed = await send(url, { ...body, captcha_token: provider.solve() }, address)
    t.equal(passed.statusCode, action === 'register' ? 201 : 200)
  }
})

void t.test(
  'right logins: never asked, and a token that nobody asked for is not looked at',
  async (t) => {
    const { email } = await givenUser()
    const before = provider.seen.length
    const address = freshAddress()
    for (let i = 0; i < 5; i += 1) {
      const more = { password: PASSWORD, captcha_token: 'whatever' }
      t.equal((await login(email, more, address)).statusCode, 200)
    }
    t.equal(provider.seen.length, before)
  }
)

void t.test('one token, fifty callers at once: one of them passes', async (t) => {
  const email = freshEmail()
  await givenSuspicion(email)
  const captcha_token = provider.solve()
  const before = provider.seen.length
  const answers = await atOnce(50, () => login(email, { captcha_token }))
  const codes = answers.map((answer) => answer.json().code as string)
  t.equal(codes.filter((code) => code === 'invalid_credentials').length, 1)
  t.equal(codes.filter((code) => code === 'captcha_required').length, 49)
  t.equal(provider.seen.length, before + 1, 'the provider was asked once')
})

void t.test('a token taken before, by a provider that would take it again: refused', async (t) => {
  const email = freshEmail()
  await givenSuspicion(email)
  const captcha_token = provider.solve()
  t.equal((await login(email, { captcha_token })).statusCode, 401)
  provider.solve(captcha_token)
  t.equal((await login(email, { captcha_token })).json().code, 'captcha_required')
})

const TROUBLE: Record<string, Parameters<typeof provider.become>[0]> = {
  'answers 500': (response) => response.writeHead(500).end('canary'),
  'answers with a page': (response) => response.end('<html>maintenance</html>'),
  'says megabytes': (response) => response.end('x'.repeat(100_000)),
  'hangs up': (response) => response.destroy(),
  'does not know our secret': (response) =>
    response.end('{"success":false,"error-codes":["invalid-input-secret"]}'),
  'has an error inside': (response) =>
    response.end('{"success":false,"error-codes":["internal-error"]}'),
  'does not answer': () => undefined
}

for (const [what, answer] of Object.entries(TROUBLE)) {
  void t.test(`a provider that ${what}: lets pass, and the counter tells`, async (t) => {
    const email = freshEmail()
    await givenSuspicion(email)
    provider.become(answer)
    const before = await counted('failed')
    const { result, tookMs } = await timed(() => login(email, { captcha_token: `any ${what}` }))
    t.equal(result.json().code, 'invalid_credentials')
    t.ok(tookMs < 4_000, `${tookMs} ms`)
    t.equal(await counted('failed'), before + 1)
    t.equal((await login(email)).json().code, 'captcha_required', 'but asks everybody for one')
    provider.recover()
  })
}

void t.test('a token that the provider will not even read: refused', async (t) => {
  const email = freshEmail()
  await givenSuspicion(email)
  provider.become((response) => response.writeHead(413).end('too large'))
  t.equal((await login(email, { captcha_token: 'x'.repeat(4_096) })).statusCode, 403)
  provider.recover()
})

void t.test('no provider configured: nobody is asked', async (t) => {
  const plain = await startApp(t)
  const email = freshEmail()
  for (let i = 0; i < 5; i += 1) {
    const answer = await plain.post('/auth/login', { email, password: WRONG, captcha_token: 'x' })
    t.equal(answer.json().code, 'invalid_credentials')
  }
})
