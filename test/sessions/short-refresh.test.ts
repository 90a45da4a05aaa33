import t from 'tap'
import { startApp } from '../support/app.ts'
import { startBehindWire } from '../support/behind-wire.ts'
import { givenSession, givenUser, refresh } from '../support/builders.ts'
import { valueOf } from '../support/metrics.ts'
import { isProblem } from '../support/problem.ts'
import { exchange, listen } from '../support/raw-http.ts'
import { eventsOf, sessionRow } from '../support/session-rows.ts'

/** What only a connection has, and what no two answers share. */
const OF_THE_WIRE = ['date', 'connection', 'keep-alive', 'x-request-id', 'content-length']
const PATHS = ['/auth/refresh-token', '/auth/refresh']
const JSON_TYPE = { 'content-type': 'application/json' }

const app = await startApp(t, { ISSUER: 'https://id.example.com' })
const port = await listen(app)
const user = await givenUser(app)

type Sent = { path?: string; body: string; headers?: Record<string, string>; at?: number }

/** Over a connection, head and body in one piece: what an injected request never is. */
async function post({ path = PATHS[0]!, body, headers = JSON_TYPE, at = port }: Sent) {
  const length = { 'content-length': String(Buffer.byteLength(body)) }
  const all = { host: 'id.example.com', connection: 'close', ...headers, ...length }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  return exchange(at, `POST ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body}`)
}

/** The same in the lifecycle. */
async function inject({ path = PATHS[0]!, body, headers = JSON_TYPE }: Sent) {
  return app.app.inject({ method: 'POST', url: path, headers, payload: body })
}

/** An answer without what no two share. */
function bareOf({ statusCode, headers, body }: Awaited<ReturnType<typeof inject | typeof post>>) {
  const own = Object.entries(headers).filter(([name]) => !OF_THE_WIRE.includes(name))
  const cookie = String(headers['set-cookie'] ?? '').replace(/lkr_[\w-]+/, 'token')
  return {
    statusCode,
    headers: { ...Object.fromEntries(own), 'set-cookie': cookie },
    body: body
      .replace(/"(lkr_|eyJ)[\w.-]+"/g, '"token"')
      .replace(/"refresh_expires_in":\d+/, '"refresh_expires_in":1')
  }
}

const nextOf = ({ body }: { body: string }) =>
  (JSON.parse(body) as { refresh_token: string }).refresh_token
const bodyOf = (token: string) => JSON.stringify({ refresh_token: token })

async function refreshed(): Promise<number> {
  const { body } = await app.app.renderMetrics()
  const labels = { route: PATHS[0]!, method: 'POST', status: '2xx' }
  const counted = valueOf(body, 'latchkey_http_requests_total', labels) ?? 0
  t.equal(valueOf(body, 'latchkey_refreshes_total', { outcome: 'rotated' }) ?? 0, rotations)
  return counted
}

/** Of this file, so far. */
let rotations = 0

void t.test('a good token, over a connection: as in the lifecycle, and counted', async (t) => {
  const [first, second] = [await givenSession(app, user), await givenSession(app, user)]
  const slow = await inject({ body: bodyOf(first.refreshToken) })
  rotations += 1
  const before = await refreshed()
  const short = await post({ body: bodyOf(second.refreshToken) })
  rotations += 1
  t.equal(await refreshed(), before + 1)
  t.equal(short.statusCode, 200)
  t.strictSame(bareOf(short), bareOf(slow))
  t.match(short.headers['x-request-id'], /^[0-9a-f-]{36}$/)
  t.equal(Number(short.headers['content-length']), Buffer.byteLength(short.body))
  t.match(await sessionRow(app, second.sessionId), { generation: 1, revoked_at: null })
  t.equal((await refresh(app, nextOf(short))).statusCode, 200)
  const again = await post({ path: PATHS[1]!, body: bodyOf(second.refreshToken) })
  t.equal(again.statusCode, 401, 'and its predecessor is theft, by the other name too')
})

void t.test('a good token in other clothes: as in the lifecycle', async (t) => {
  const kinds: Record<string, (token: string) => Omit<Sent, 'path'>> = {
    'with blanks': (token) => ({ body: `{ "refresh_token" :\n"${token}" }` }),
    'with a charset': (token) => ({
      body: bodyOf(token),
      headers: { 'content-type': 'application/json; charset=utf-8' }
    }),
    escaped: (token) => ({ body: bodyOf(token).replace('lkr', '\\u006ckr') }),
    'from a page of another origin': (token) => ({
      body: bodyOf(token),
      headers: { ...JSON_TYPE, origin: 'https://evil.example' }
    }),
    'beside a cookie': (token) => ({
      body: bodyOf(token),
      headers: { ...JSON_TYPE, cookie: '__Host-latchkey-refresh=other' }
    }),
    'twice in one body': (token) => ({
      body: `{"refresh_token":"other","refresh_token":"${token}"}`
    }),
    'beside an unknown field': (token) => ({ body: `{"refresh_token":"${token}","scope":"a"}` }),
    'of another type': (token) => ({
      body: bodyOf(token),
      headers: { 'content-type': 'text/plain' }
    }),
    'in a list': (token) => ({ body: `[${bodyOf(token)}]` }),
    'with a tail': (token) => ({ body: `${bodyOf(token)}x` }),
    'in a query': (token) => ({ path: `${PATHS[0]!}?a=b`, body: bodyOf(token) }),
    'with a byte that is no text': (token) => ({ body: `${bodyOf(token).slice(0, -2)}\xff"}` })
  }
  const [first, second] = [await givenSession(app, user), await givenSession(app, user)]
  let tokens = [first.refreshToken, second.refreshToken] as const
  let generation = 0
  for (const [what, write] of Object.entries(kinds)) {
    const [short, slow] = [await post(write(tokens[0])), await inject(write(tokens[1]))]
    t.strictSame(bareOf(short), bareOf(slow), what)
    if (short.statusCode === 200) {
      tokens = [nextOf(short), nextOf(slow)]
      generation += 1
      rotations += 2
    }
    t.match(await sessionRow(app, first.sessionId), { generation, revoked_at: null }, what)
  }
  t.equal(generation, 7, 'what is good in the lifecycle')
})

void t.test('a body that comes in two pieces, or in chunks: read as ever', async (t) => {
  const { refreshToken } = await givenSession(app, user)
  const body = bodyOf(refreshToken)
  const size = body.length.toString(16)
  const head = `POST ${PATHS[0]!} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/json\r\n`
  const chunked = `${head}transfer-encoding: chunked\r\n\r\n${size}\r\n${body}\r\n0\r\n\r\n`
  const answer = await exchange(port, chunked)
  t.equal(answer.statusCode, 200)
  const next = bodyOf(nextOf(answer))
  const start = `${head}content-length: ${next.length}\r\n\r\n${next.slice(0, -1)}`
  t.equal((await exchange(port, start, { drip: '}' })).statusCode, 200)
})

void t.test('the predecessor in its grace: the same successor; older ones: theft', async (t) => {
  const { refreshToken, sessionId } = await givenSession(app, user)
  const first = await post({ body: bodyOf(refreshToken) })
  const again = await post({ body: bodyOf(refreshToken) })
  t.equal(nextOf(again), nextOf(first))
  await post({ body: bodyOf(nextOf(first)) })
  const theft = await post({ body: bodyOf(refreshToken) })
  isProblem(t, theft, 401, 'theft', refreshToken)
  t.match(await sessionRow(app, sessionId), { revoke_reason: 'refresh_token_reuse' })
  const [event] = (await eventsOf(app, sessionId)).filter(({ type }) => /reuse/.test(type))
  t.equal(event?.request_id, theft.headers['x-request-id'])
})

void t.test('a token that nobody gave out: refused as in the lifecycle', async (t) => {
  for (const token of ['garbage', 'lkr_AAAA', '']) {
    const body = bodyOf(token)
    t.strictSame(bareOf(await post({ body })), bareOf(await inject({ body })), token)
  }
})

void t.test('Postgres away: 503, asked once; it comes back: the token is good', async (t) => {
  const { refreshToken, sessionId } = await givenSession(app, user)
  const server = await startBehindWire(t, app)
  const at = await listen(server)
  await server.wire.cut()
  const answer = await post({ body: bodyOf(refreshToken), at })
  t.equal(isProblem(t, answer, 503, 'away').code, 'service_unavailable')
  t.match(answer.headers['retry-after'], /^\d+$/)
  const { body } = await server.app.renderMetrics()
  t.equal(valueOf(body, 'latchkey_refreshes_total', { outcome: 'service_unavailable' }), 1)
  await server.wire.restore()
  t.match(await sessionRow(app, sessionId), { generation: 0, revoked_at: null })
  t.equal((await post({ body: bodyOf(refreshToken), at })).statusCode, 200)
})

void t.test('a drain: the connection is closed', async (t) => {
  const { refreshToken } = await givenSession(app, user)
  const draining = await startApp(t, app.env)
  const at = await listen(draining)
  draining.app.startDraining()
  const body = bodyOf(refreshToken)
  const head = `POST ${PATHS[0]!} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n`
  const answer = await exchange(at, `${head}content-length: ${body.length}\r\n\r\n${body}`)
  t.equal(answer.statusCode, 200)
  t.equal(answer.headers['connection'], 'close')
})
