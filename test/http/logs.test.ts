import { randomBytes } from 'node:crypto'
import { Client } from 'pg'
import t from 'tap'
import { freshEmail, mailTo, secretsOf } from '../support/builders.ts'
import { createTestDatabase } from '../support/database.ts'
import { eventually } from '../support/eventually.ts'
import { givenFolder } from '../support/folder.ts'
import { startServer } from '../support/server.ts'

const CANARY = `c4n4ry-${randomBytes(6).toString('hex')}`
const PASSWORD = `${CANARY}-password-lantern`

const dataDir = await givenFolder(t)
const { url: databaseUrl } = await createTestDatabase(t)
const kek = randomBytes(32).toString('hex')
const server = await startServer(t, {
  DATABASE_URL: databaseUrl,
  KEY_ENCRYPTION_KEY: kek,
  DATA_DIR: dataDir,
  LOG_LEVEL: 'debug'
})
const database = new Client({ connectionString: databaseUrl })
await database.connect()
t.teardown(() => database.end())

/** The log, line by line, once the request of this id is in it. */
async function lineOf(answer: Response): Promise<Record<string, unknown>> {
  const id = answer.headers.get('x-request-id')
  return eventually(`log line of ${id}`, () =>
    Promise.resolve(lines().find(({ reqId, msg }) => reqId === id && msg === 'request'))
  )
}

function lines(): Record<string, unknown>[] {
  return server
    .output()
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

/** The whole main job, so that every secret there is has passed. */
async function liveAWholeLife() {
  const email = freshEmail()
  const form = { email, password: PASSWORD, name: `${CANARY} name`, phone_number: '+4915112345678' }
  await server.post('/auth/register', form)
  const { token, code } = secretsOf(await mailTo({ dataDir }, email))
  await server.post('/auth/verify-email', { email, code: 'ZZZZ-ZZZZ' })
  await server.post('/auth/verify-email', { token })
  await server.post('/auth/verify-email', { token })
  const login = { email, password: PASSWORD, device: `${CANARY} device` }
  const first = (await (await server.post('/auth/login', login)).json()) as Record<string, string>
  const refreshToken = first['refresh_token']!
  const refreshed = await server.post('/auth/refresh-token', { refresh_token: refreshToken })
  const second = (await refreshed.json()) as Record<string, string>
  const authorization = `Bearer ${second['access_token']}`
  for (const path of ['/auth/me', '/verify-token', `/verify-token?audience=${CANARY}`]) {
    await fetch(server.url + path, { headers: { authorization } })
  }
  await server.post('/auth/refresh-token', { refresh_token: `${refreshToken}x` })
  await server.post('/auth/refresh-token', { refresh_token: second['refresh_token']! })
  await server.post('/auth/refresh-token', { refresh_token: refreshToken }) // theft
  const last = await server.post('/auth/logout', { scope: 'all' }, { authorization })
  await mailTo({ dataDir }, email, /ended one of your sessions/)
  await lineOf(last)
  const tokens = [first, second].flatMap((pair) => [pair['access_token']!, pair['refresh_token']!])
  return { email, token, code, tokens }
}

void t.test('a whole life, logged to the last detail: no secret in it (H3)', async (t) => {
  const { email, token, code, tokens } = await liveAWholeLife()
  const log = server.output()
  t.match(log, /"route":"\/auth\/refresh-token"/, 'it was logged')
  const signatures = tokens.map((secret) => secret.split('.').at(-1)!)
  const secrets = { password: PASSWORD, canary: CANARY, email, token, code, kek }
  for (const [name, secret] of Object.entries(secrets)) t.notOk(log.includes(secret), name)
  for (const secret of [...tokens, ...signatures]) t.notOk(log.includes(secret), 'a token')
  t.notOk(log.includes(new URL(databaseUrl).password), 'the database password')
  t.notMatch(log, /lkr_|eyJ|\$argon2|\+4915112345678/)
})

void t.test('a request, logged: one line with its route, status and id', async (t) => {
  const answer = await server.post('/auth/login', { email: freshEmail(), password: PASSWORD })
  t.match(await lineOf(answer), {
    method: 'POST',
    route: '/auth/login',
    status: 401,
    refusal: /^invalid_credentials/,
    ms: Number
  })
  const id = answer.headers.get('x-request-id')
  t.equal(lines().filter(({ reqId }) => reqId === id).length, 1)
})

void t.test('what is answered before any hook: one line, as every request has', async (t) => {
  const path = '/.well-known/jwks.json'
  const answer = await fetch(server.url + path)
  const usual = await fetch(`${server.url}/livez`)
  const line = await lineOf(answer)
  t.match(line, { level: 30, method: 'GET', route: path, status: 200, ms: Number })
  t.strictSame(Object.keys(line), Object.keys(await lineOf(usual)))
  const id = answer.headers.get('x-request-id')
  t.equal(lines().filter(({ reqId }) => reqId === id).length, 1)
})

void t.test('a URL that cannot be read: logged as well, without the URL', async (t) => {
  const answer = await fetch(`${server.url}/%E0%${CANARY}`)
  t.equal(answer.status, 400)
  t.match(await lineOf(answer), { method: 'GET', route: 'none', status: 400 })
  t.notOk(server.output().includes(CANARY))
})

void t.test(
  'whose request it was, where that turns out: user and session in its line',
  async (t) => {
    const email = freshEmail()
    await server.post('/auth/register', { email, password: PASSWORD })
    const { token } = secretsOf(await mailTo({ dataDir }, email))
    await server.post('/auth/verify-email', { token })
    const login = await server.post('/auth/login', { email, password: PASSWORD })
    const { user, access_token, refresh_token } = (await login.json()) as {
      user: { id: string }
      access_token: string
      refresh_token: string
    }
    const { sid } = JSON.parse(Buffer.from(access_token.split('.')[1]!, 'base64url').toString())
    const who = { userId: user.id, sessionId: sid }
    t.match(await lineOf(login), { ...who, route: '/auth/login' })
    const headers = { authorization: `Bearer ${access_token}` }
    for (const path of ['/verify-token', '/auth/me']) {
      t.match(await lineOf(await fetch(server.url + path, { headers })), who, path)
    }
    const refresh = () => server.post('/auth/refresh-token', { refresh_token })
    t.match(await lineOf(await refresh()), who)
    const garbage = await lineOf(await server.post('/auth/refresh-token', { refresh_token: 'x' }))
    t.notOk('userId' in garbage || 'sessionId' in garbage, 'of nobody: nobody')
    const logout = await server.post('/auth/logout', {}, headers)
    t.match(await lineOf(logout), who)
  }
)

void t.test('canaries in every corner of a request: not in the log', async (t) => {
  const headers = {
    authorization: `Bearer ${CANARY}`,
    cookie: `session=${CANARY}`,
    referer: `http://localhost/${CANARY}`,
    'user-agent': CANARY,
    'x-forwarded-for': CANARY,
    'content-type': 'application/json'
  }
  const targets = [`/verify-email?token=${CANARY}`, `/${CANARY}`, `/auth/me?access_token=${CANARY}`]
  for (const target of [...targets, `/dev/mail/${CANARY}`, `/%zz${CANARY}`]) {
    await fetch(server.url + target, { headers })
  }
  const method = 'POST'
  for (const body of [
    `{"${CANARY}"`,
    `"${CANARY}"`,
    `{"email":"${CANARY}","password":"${CANARY}"}`
  ]) {
    for (const path of ['/auth/login', '/auth/register', '/auth/logout', '/verify-email']) {
      await fetch(server.url + path, { method, headers, body })
    }
  }
  const form = { method, body: new URLSearchParams({ token: CANARY }) }
  await lineOf(await fetch(`${server.url}/verify-email`, form))
  t.notOk(server.output().includes(CANARY))
})

void t.test('a statement that fails: its error is logged, the values are not', async (t) => {
  await database.query('ALTER TABLE registration ADD CONSTRAINT never CHECK (false) NOT VALID')
  await database.query('ALTER TABLE users RENAME COLUMN username TO gone')
  const wrong = { password: `${CANARY}-lantern`, name: CANARY }
  for (const [path, body] of [
    ['/auth/register', { ...wrong, email: `${CANARY}@example.com` }],
    ['/auth/login', { username: CANARY, password: CANARY }]
  ] as const) {
    const answer = await server.post(path, body)
    t.equal(answer.status, 500, path)
    t.notMatch(await answer.text(), new RegExp(`${CANARY}|never|gone|prisma`, 'i'))
    t.match(await lineOf(answer), { status: 500, refusal: /^internal_error/ })
    const id = answer.headers.get('x-request-id')
    const failure = lines().find(({ reqId, level }) => reqId === id && level === 50)
    t.match(failure, { msg: 'request failed', err: { type: String, stack: /\.ts:\d/ } })
  }
  t.notOk(server.output().includes(CANARY))
})

void t.test('a wrong key of the operator, logged at the end: nothing of all that', async (t) => {
  await server.kill('SIGTERM')
  t.notOk(server.output().includes(CANARY))
  t.notOk(server.output().includes(kek))
})
