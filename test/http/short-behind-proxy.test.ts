import { subscribe } from 'node:diagnostics_channel'
import t from 'tap'
import { startApp } from '../support/app.ts'
import { givenUser } from '../support/builders.ts'
import {
  authorizeUrl,
  basic,
  callbackOf,
  givenAdmin,
  givenClient,
  openBrowser,
  pkcePair,
  REDIRECT_URI
} from '../support/oauth.ts'
import { exchange, listen } from '../support/raw-http.ts'

/** How many requests Fastify's lifecycle has handled. */
let handled = 0
subscribe('tracing:fastify.request.handler:start', () => {
  handled += 1
})

const app = await startApp(t, {
  ISSUER: 'https://id.example.com',
  TRUSTED_PROXIES: '127.0.0.1',
  RATE_LIMIT_AUTHORIZE_PER_MINUTE: '10'
})
const port = await listen(app)
const client = await givenClient(app, { first_party: true, scope: 'openid' })
const admin = await givenAdmin(app)
const user = await givenUser(app)
const browser = openBrowser(app)
await browser.login(user)
const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
const { challenge, verifier } = pkcePair()
const url = authorizeUrl(client, { code_challenge: challenge, code_challenge_method: 'S256' })
await browser.get(url) // Nothing is known of a client before.

type Headers = Record<string, string>

async function send(line: string, headers: Headers, body = '') {
  const before = handled
  const all = { host: 'id.example.com', connection: 'close', ...headers }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  const answer = await exchange(port, `${line} HTTP/1.1\r\n${lines.join('')}\r\n${body}`)
  return { ...answer, wasShort: handled === before }
}

const authorize = (forwarded: string) =>
  send(`GET ${url}`, { cookie, 'x-forwarded-for': forwarded })

void t.test('a plain request by a trusted proxy: short, and its caller is counted', async (t) => {
  const remaining = async (forwarded: string) => {
    const { statusCode, headers, wasShort } = await authorize(forwarded)
    t.equal(statusCode, 303)
    t.ok(wasShort)
    return Number(headers['ratelimit-remaining'])
  }
  t.equal(await remaining('203.0.113.7'), 9)
  t.equal(await remaining('203.0.113.7'), 8)
  t.equal(await remaining('203.0.113.8'), 9, 'somebody else')
  t.equal(
    await remaining('203.0.113.9, 203.0.113.7'),
    7,
    'what the caller says of itself is nothing'
  )
})

void t.test('a caller of a form that is no IPv4: through the lifecycle', async (t) => {
  for (const forwarded of ['2001:db8::7', 'nonsense']) {
    t.notOk((await authorize(forwarded)).wasShort, forwarded)
  }
})

void t.test('a code that is traded by a trusted proxy: the trail has its caller', async (t) => {
  const { code } = callbackOf((await authorize('203.0.113.10')).headers['location'])
  const form = { grant_type: 'authorization_code', code: code ?? '', redirect_uri: REDIRECT_URI }
  const body = new URLSearchParams({ ...form, code_verifier: verifier }).toString()
  const traded = await send(
    'POST /oauth/token',
    {
      ...basic(client),
      'content-type': 'application/x-www-form-urlencoded',
      'content-length': String(body.length),
      'x-forwarded-for': '203.0.113.11'
    },
    body
  )
  t.equal(traded.statusCode, 200)
  t.ok(traded.wasShort)
  const trail = await app.get('/admin/audit-logs?type=grant.begun', admin)
  const [event] = trail.json().events as { address: string }[]
  t.equal(event?.address, '203.0.113.11')
})
