import { createHash } from 'node:crypto'
import t from 'tap'
import { startApp, type TestApp } from '../support/app.ts'
import { givenSession, givenUser, mailTo, PASSWORD, secretsOf } from '../support/builders.ts'
import { startHttpsServer, type Answer } from '../support/https-server.ts'
import { register } from '../support/registrations.ts'
import { timed } from '../support/timed.ts'
import { createTlsAuthority } from '../support/tls-authority.ts'

const BREACHED = 'granite-otter-77-meadow'
const sha1 = (text: string) => createHash('sha1').update(text).digest('hex').toUpperCase()

/** The range format: every suffix with a count, padded with suffixes of count 0. */
const range: Answer = (response, { url }) => {
  const prefix = url.slice(-5)
  const padding = Array.from({ length: 900 }, (_, i) => `${sha1(`${prefix}${i}`).slice(5)}:0`)
  const known = [BREACHED].map(sha1).filter((hash) => hash.startsWith(prefix))
  const lines = [...padding, ...known.map((hash) => `${hash.slice(5)}:42`)].sort()
  response.end(lines.join('\r\n'))
}

const authority = await createTlsAuthority()
const server = await startHttpsServer(t, await authority.issue('127.0.0.1'), range)
const app = await startApp(t, {
  PASSWORD_BREACH_CHECK: 'true',
  PASSWORD_BREACH_URL: `https://127.0.0.1:${server.port}/range/`,
  OUTBOUND_ALLOWED_HOSTS: `127.0.0.1:${server.port}`,
  OUTBOUND_CA: authority.ca
})

/** How often look-ups ended so, as Prometheus reads it. */
async function counted(outcome: string, { get }: TestApp = app): Promise<number> {
  const pattern = new RegExp(`password_breach_lookups_total\\{outcome="${outcome}"\\} (\\d+)`)
  return Number(pattern.exec((await get('/metrics')).body)?.[1] ?? 0)
}

void t.test('a breached password, registered: 422; the service saw 5 digits', async (t) => {
  server.become(range)
  const answer = await register(app, { password: BREACHED })
  t.equal(answer.statusCode, 422)
  t.match(answer.json(), {
    code: 'weak_password',
    errors: [{ field: 'password', detail: 'is known from a data breach' }]
  })
  const seen = server.seen.at(-1)
  t.equal(seen?.url, `/range/${sha1(BREACHED).slice(0, 5)}`)
  t.equal(seen?.headers['add-padding'], 'true')
  t.notOk(JSON.stringify(seen).includes(sha1(BREACHED).slice(0, 6)), 'and no more than that')
  t.equal(await counted('breached'), 1)
  t.equal((await register(app)).statusCode, 201)
  t.equal(await counted('clean'), 1)
})

void t.test('a suffix that is only padding, or another hash alike: passes', async (t) => {
  const suffix = sha1(PASSWORD).slice(5)
  const other = suffix.slice(0, -1) + (suffix.endsWith('0') ? '1' : '0')
  server.become((response) => response.end(`${suffix}:0\r\n${other}:9\r\n`))
  t.equal((await register(app)).statusCode, 201)
  server.become((response) => response.end(`${suffix.toLowerCase()}:1`))
  t.equal((await register(app)).statusCode, 422, 'a mirror may write it small')
})

void t.test('a breached password, by change and by reset: refused, nothing spent', async (t) => {
  server.become(range)
  const user = await givenUser(app)
  const { accessToken } = await givenSession(app, user)
  const change = await app.post(
    '/users/change-password',
    { current_password: PASSWORD, new_password: BREACHED },
    { authorization: `Bearer ${accessToken}` }
  )
  t.equal(change.json().code, 'weak_password')
  await app.post('/auth/forgot-password', { email: user.email })
  const { token } = secretsOf(await mailTo(app, user.email, /Reset/))
  const reset = async (new_password: string) =>
    app.post('/auth/reset-password', { token, new_password })
  t.equal((await reset(BREACHED)).json().code, 'weak_password')
  const login = await app.post('/auth/login', { email: user.email, password: PASSWORD })
  t.equal(login.statusCode, 200, 'the old one still holds')
  t.equal((await reset(`${PASSWORD}-more`)).statusCode, 200)
})

void t.test('a known and an unknown address: the same answer, the same one question', async (t) => {
  server.become(range)
  const { email } = await givenUser(app)
  const before = server.seen.length
  const [known, unknown] = [
    await register(app, { email, password: BREACHED }),
    await register(app, { password: BREACHED })
  ]
  t.equal(known.body, unknown.body)
  t.equal(server.seen.length, before + 2)
})

const FAULTS: Record<string, Answer> = {
  'answers 500': (response) => response.writeHead(500).end('canary'),
  'redirects elsewhere': (response) => response.writeHead(302, { location: '/elsewhere' }).end(),
  'says megabytes': (response) => response.end('F'.repeat(2_000_000)),
  'hangs up': (response) => response.destroy()
}

for (const [what, answer] of Object.entries(FAULTS)) {
  void t.test(`a service that ${what}: the password passes, and the counter tells`, async (t) => {
    server.become(answer)
    const before = await counted('failed')
    t.equal((await register(app, { password: BREACHED })).statusCode, 201)
    t.equal(await counted('failed'), before + 1)
  })
}

void t.test('a service that is frozen: whoever registers waits a second', async (t) => {
  server.become(() => undefined)
  const before = await counted('failed')
  const { result, tookMs } = await timed(() => register(app, { password: BREACHED }))
  t.equal(result.statusCode, 201)
  t.ok(tookMs >= 900 && tookMs < 2_500, `${tookMs} ms`)
  t.equal(await counted('failed'), before + 1)
})

void t.test('not asked for: nobody is told anything', async (t) => {
  const off = await startApp(t, { PASSWORD_BREACH_URL: `https://127.0.0.1:${server.port}/range/` })
  server.become(range)
  const before = server.connections()
  t.equal((await register(off, { password: BREACHED })).statusCode, 201)
  t.equal(server.connections(), before)
})
