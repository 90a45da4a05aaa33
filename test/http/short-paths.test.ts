import { once } from 'node:events'
import { Agent, request as ask, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import t from 'tap'
import { startApp } from '../support/app.ts'
import { givenSession } from '../support/builders.ts'
import { eventually } from '../support/eventually.ts'
import { valueOf } from '../support/metrics.ts'
import { exchange, listen, withBodyThenWithout } from '../support/raw-http.ts'

const PUBLISHED = [
  '/.well-known/jwks.json',
  '/.well-known/openid-configuration',
  '/.well-known/oauth-authorization-server'
]
const VERIFY = ['/verify-token', '/auth/verify-token']
/** What only a connection has, and what no two answers share. */
const OF_THE_WIRE = ['date', 'connection', 'keep-alive', 'x-request-id']
const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

const LISTED = 'https://shop.example'

const app = await startApp(t, { ISSUER: 'https://id.example.com', CORS_ORIGINS: LISTED })
const port = await listen(app)
// It is made soon after the start, and changes what is published.
await eventually('the key in reserve', async () => {
  const { keys } = (await app.get(PUBLISHED[0]!)).json<{ keys: unknown[] }>()
  return keys.length === 2
})

async function get(path: string, headers: Record<string, string> = {}) {
  const all = { host: 'id.example.com', connection: 'close', ...headers }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  return exchange(port, `GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`)
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
const ownHeaders = (headers: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !OF_THE_WIRE.includes(name)))

async function countOf(route: string): Promise<number> {
  const { body } = await app.app.renderMetrics()
  const labels = { route, method: 'GET', status: '2xx' }
  const counted = valueOf(body, 'latchkey_http_requests_total', labels) ?? 0
  const seconds = { route, method: 'GET' }
  t.equal(valueOf(body, 'latchkey_http_request_seconds_count', seconds) ?? 0, counted, route)
  return counted
}

void t.test('what is ready, over a connection: as in the lifecycle, and counted', async (t) => {
  const { accessToken } = await givenSession(app)
  for (const path of [...PUBLISHED, ...VERIFY]) {
    const headers = VERIFY.includes(path) ? bearer(accessToken) : {}
    const slow = await app.app.inject({ url: path, headers })
    const before = await countOf(path)
    const ready = await get(path, headers)
    const expected = ownHeaders(slow.headers)
    t.equal(ready.statusCode, 200, path)
    t.equal(ready.body, slow.body, path)
    t.strictSame(ownHeaders(ready.headers), expected, path)
    t.match(ready.headers['x-request-id'], ID, path)
    t.equal(await countOf(path), before + 1, path)
  }
})

void t.test(
  'an answer of any other kind, over a connection: guarded, by each header once',
  async (t) => {
    for (const path of ['/livez', '/nope', '/%zz', '/auth/me', '/verify-email', '/docs']) {
      const expected = (await app.app.inject(path)).headers
      const { headers, rawHeaders } = await new Promise<IncomingMessage>((resolve) => {
        ask({ port, path }, resolve).end()
      })
      t.strictSame(
        Object.keys(ownHeaders(headers)).sort(),
        Object.keys(ownHeaders(expected)).sort()
      )
      t.equal(headers['content-security-policy'], expected['content-security-policy'], path)
      t.equal(headers['referrer-policy'], expected['referrer-policy'], path)
      t.match(headers['x-request-id'], ID, path)
      const names = rawHeaders.filter(
        (_, n) => n % 2 === 0 && !/^set-cookie$/i.test(rawHeaders[n]!)
      )
      t.equal(new Set(names.map((name) => name.toLowerCase())).size, names.length, path)
    }
  }
)

void t.test('an ETag that fits, over a connection: 304', async (t) => {
  const [path = ''] = PUBLISHED
  const { etag = '' } = (await get(path)).headers
  const again = await get(path, { 'if-none-match': etag })
  t.equal(again.statusCode, 304)
  t.equal(again.headers['etag'], etag)
})

void t.test('a page of another origin: may read what is published, and no more', async (t) => {
  const { accessToken } = await givenSession(app)
  const origin = 'https://evil.example'
  for (const path of PUBLISHED) {
    t.equal((await get(path, { origin })).headers['access-control-allow-origin'], '*', path)
  }
  for (const path of VERIFY) {
    await get(path, bearer(accessToken))
    const { headers } = await get(path, { origin, ...bearer(accessToken) })
    t.equal(headers['access-control-allow-origin'], undefined, path)
    const listed = await get(path, { origin: LISTED, ...bearer(accessToken) })
    t.equal(listed.headers['access-control-allow-origin'], LISTED, path)
  }
})

void t.test('a token that is remembered, revoked since: 401 on both names', async (t) => {
  const { accessToken } = await givenSession(app)
  for (const path of VERIFY) {
    await get(path, bearer(accessToken))
    t.equal((await get(path, bearer(accessToken))).statusCode, 200, path)
  }
  await app.post('/auth/logout', {}, bearer(accessToken))
  for (const path of VERIFY) {
    t.equal((await get(path, bearer(accessToken))).statusCode, 401, path)
  }
})

void t.test('a token that is remembered, expired since: 401', async (t) => {
  const { accessToken } = await givenSession(app)
  await get('/verify-token', bearer(accessToken))
  t.equal((await get('/verify-token', bearer(accessToken))).statusCode, 200)
  await app.moveTime(3_600)
  t.equal((await get('/verify-token', bearer(accessToken))).statusCode, 401)
  await app.moveTime(0)
})

void t.test(
  'a token that is remembered, shown in two headers or for others: refused',
  async (t) => {
    const { accessToken } = await givenSession(app)
    await get('/verify-token', bearer(accessToken))
    const twice = `authorization: Bearer ${accessToken}\r\n`.repeat(2)
    const head = `GET /verify-token HTTP/1.1\r\nhost: a\r\nconnection: close\r\n${twice}\r\n`
    t.equal((await exchange(port, head)).statusCode, 401)
    const elsewhere = await get('/verify-token?audience=https://other.example', bearer(accessToken))
    t.equal(elsewhere.statusCode, 401)
  }
)

void t.test('a body that nobody reads: passed over, and the next request answered', async (t) => {
  for (const path of PUBLISHED) {
    const { statusCode, body } = await exchange(
      port,
      withBodyThenWithout(`GET ${path} HTTP/1.1`, '')
    )
    t.equal(statusCode, 200, path)
    t.match(body, 'HTTP/1.1 200 OK', path)
  }
})

void t.test('a connection that waits for its next request: holds none of before', async (t) => {
  type Held = Socket & { parser?: { incoming: IncomingMessage | null } }
  const opened = once(app.app.server, 'connection') as Promise<[Held]>
  const agent = new Agent({ keepAlive: true })
  const [path] = PUBLISHED
  const answer = await new Promise<IncomingMessage>((resolve) => {
    ask({ port, path, agent }, resolve).end()
  })
  await answer.toArray()
  const [socket] = await opened
  await eventually('nothing held', () => Promise.resolve(socket.parser?.incoming === null))
  t.notOk(socket.destroyed)
  agent.destroy()
})

void t.test('a drain, what is ready: closes its connection', async (t) => {
  const draining = await startApp(t, app.env)
  const drainingPort = await listen(draining)
  draining.app.startDraining()
  for (const path of PUBLISHED) {
    const answer = await exchange(drainingPort, `GET ${path} HTTP/1.1\r\nhost: a\r\n\r\n`)
    t.equal(answer.statusCode, 200, path)
    t.equal(answer.headers['connection'], 'close', path)
  }
})
