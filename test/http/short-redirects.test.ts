import { subscribe } from 'node:diagnostics_channel'
import t, { type Test } from 'tap'
import { startApp } from '../support/app.ts'
import { givenUser } from '../support/builders.ts'
import { valueOf } from '../support/metrics.ts'
import { authorizeUrl, callbackOf, givenClient, openBrowser, pkcePair } from '../support/oauth.ts'
import { exchange, listen, withBodyThenWithout } from '../support/raw-http.ts'

/** What only a connection has, and what no two answers share. */
const OF_THE_WIRE = ['date', 'connection', 'keep-alive', 'x-request-id']
const ROUTE = '/oauth/authorize'

/** How many requests Fastify's lifecycle has handled. */
let handled = 0
subscribe('tracing:fastify.request.handler:start', () => {
  handled += 1
})

const app = await startApp(t, {
  ISSUER: 'https://id.example.com',
  RATE_LIMIT_AUTHORIZE_PER_MINUTE: '1000'
})
const port = await listen(app)
const ours = await givenClient(app, { first_party: true, scope: 'openid profile' })
const theirs = await givenClient(app, { scope: 'openid profile' })
const patient = await givenClient(app, { first_party: true, default_max_age: 1 })
const pushing = await givenClient(app, {
  first_party: true,
  require_pushed_authorization_requests: true
})
const native = await givenClient(app, {
  token_endpoint_auth_method: 'none',
  redirect_uris: ['http://127.0.0.1/callback']
})
const user = await givenUser(app)
const browser = openBrowser(app)
await browser.login(user)
const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
const session = [...browser.cookies].find(([name]) => name.endsWith('latchkey_session'))!
const { challenge } = pkcePair()
const pkce = { code_challenge: challenge, code_challenge_method: 'S256' }
const plain = authorizeUrl(ours, pkce)

type Headers = Record<string, unknown>

/** Over a connection: before the lifecycle, where that is due. */
async function over(url: string, headers: Record<string, string>) {
  const before = handled
  const all = { host: 'id.example.com', connection: 'close', ...headers }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  const answer = await exchange(port, `GET ${url} HTTP/1.1\r\n${lines.join('')}\r\n`)
  return { ...answer, wasShort: handled === before }
}

/** In the lifecycle alone. */
async function within(url: string, headers: Record<string, string>) {
  return app.app.inject({ url, headers: { host: 'id.example.com', ...headers } })
}

/** What is new in every answer has a name in its place; the count of calls is told beside. */
function compared(headers: Headers, body: string) {
  const { 'ratelimit-remaining': remaining, 'ratelimit-reset': _, ...rest } = headers
  const told = Object.entries(rest).filter(([name]) => !OF_THE_WIRE.includes(name))
  const text = (value: unknown) =>
    String(value)
      .replace(/([?&](?:code|request)=)[\w-]{43}/, '$1(new)')
      .replace(/%3Frequest%3D[\w-]{43}/, '(new)')
      .replace(/_form=[\w.-]+/, '(new)')
  return {
    remaining: Number(remaining),
    rest: {
      ...Object.fromEntries(told.map(([name, value]) => [name, text(value)])),
      body: body.replaceAll(/value="[\w.-]+"/g, '(new)')
    }
  }
}

async function bothWays(t: Test, url: string, headers: Record<string, string>, name: string) {
  const short = await over(url, headers)
  const long = await within(url, headers)
  t.equal(short.statusCode, long.statusCode, name)
  const [one, other] = [
    compared(short.headers, Buffer.from(short.body, 'latin1').toString()),
    compared(long.headers, long.body)
  ]
  t.strictSame(one.rest, other.rest, name)
  if (!Number.isNaN(one.remaining))
    t.equal(one.remaining, other.remaining + 1, `${name}: counted once`)
  return short
}

/** Once through the lifecycle: nothing is known of a client before. */
for (const client of [ours, theirs, patient, pushing, native]) {
  await within(authorizeUrl(client, pkce), { cookie })
}

void t.test('a plain request, over a connection: as in the lifecycle, with a code', async (t) => {
  const urls = [
    plain,
    authorizeUrl(ours, { ...pkce, state: "a b&c=d/é%'(~)*!".replace('é', '?') }),
    authorizeUrl(ours, { ...pkce, nonce: 'n-0S6_WzA2Mj', scope: 'openid profile' }),
    authorizeUrl(ours, { ...pkce, response_mode: 'query' }),
    plain.replace('state=af0ifjsldkj&', ''),
    plain.replaceAll('%3A', '%3a')
  ]
  for (const url of urls) {
    const short = await bothWays(t, url, { cookie }, url)
    t.equal(short.statusCode, 303, url)
    t.ok(short.wasShort, url)
    t.match(callbackOf(short.headers['location'])['code'], /^[\w-]{43}$/)
  }
  const short = await bothWays(t, plain, { cookie: `a=b; ${cookie}; c="d"` }, 'other cookies')
  t.ok(short.wasShort)
})

void t.test(
  'any other request, over a connection: through the lifecycle, to the letter',
  async (t) => {
    const [name, value] = session
    const odd: [string, Record<string, string>][] = [
      [plain, {}],
      [plain, { cookie: `${name}=${value.slice(0, -2)}AA` }],
      [plain, { cookie: `${name}=lkb_garbage` }],
      [plain, { cookie: `${name}="${value}"` }],
      [plain, { cookie: `${name}=${value}; ${name}=lkb_other` }],
      [plain, { cookie: `${name}=lkb_other; ${name}=${value}` }],
      [plain, { cookie, origin: 'https://evil.example' }],
      ...[
        '&prompt=none',
        '&prompt=login',
        '&prompt=',
        '&max_age=10000',
        '&id_token_hint=x',
        '&request=x',
        '&request_uri=x',
        '&claims={}',
        '&claims=%7B%7D',
        '&response_mode=form_post',
        '&response_mode=fragment',
        '&registration=x',
        '&dpop_jkt=x',
        '&ui_locales=de',
        '&resource=https://api.example',
        '&unknown=1',
        '&state=twice',
        '&nonce=%00',
        '&nonce=%E9',
        '&nonce=%C3%A9',
        '&nonce=%zz',
        '&nonce=a#b',
        `&nonce=${'n'.repeat(1_025)}`,
        '&%73tate=x',
        '&nonce',
        '&nonce=',
        '&'
      ].map((more): [string, Record<string, string>] => [plain + more, { cookie }]),
      [plain.replace('S256', 'plain'), { cookie }],
      [plain.replace(/code_challenge=[\w-]+/, 'code_challenge=short'), { cookie }],
      [plain.replace('response_type=code', 'response_type=token'), { cookie }],
      [plain.replace('scope=openid', 'scope=nothing'), { cookie }],
      [plain.replace('shop.example', 'evil.example'), { cookie }],
      [plain.replace(ours.id, 'nobody'), { cookie }],
      [authorizeUrl(ours), { cookie }],
      [authorizeUrl(theirs, pkce), { cookie }],
      [authorizeUrl(patient, pkce), { cookie }],
      [authorizeUrl(pushing, pkce), { cookie }],
      [authorizeUrl(native, { ...pkce, redirect_uri: 'http://127.0.0.1/callback' }), { cookie }],
      [plain.replace('/authorize?', '/authorize/?'), { cookie }],
      ['/oauth/authorize?', { cookie }],
      ['/oauth/authorize', { cookie }]
    ]
    for (const [url, headers] of odd) {
      const answer = await bothWays(t, url, headers, `${url} ${JSON.stringify(headers)}`)
      t.notOk(answer.wasShort && answer.statusCode === 303, url)
    }
  }
)

void t.test('a request that was tried, and goes through the lifecycle: counted once', async (t) => {
  const [name, value] = session
  const dead = { cookie: `${name}=${value.slice(0, -2)}AA` }
  const remaining = ({ headers }: { headers: Headers }) => Number(headers['ratelimit-remaining'])
  const before = remaining(await over(plain, { cookie }))
  const tried = await over(plain, dead)
  t.match(tried.headers['location'], '/login')
  t.equal(remaining(tried), before - 1)
})

void t.test('a client that was let in: short; taken back: asked again', async (t) => {
  const url = authorizeUrl(theirs, pkce)
  const asked = await browser.get(url)
  const request = new URL(String(asked.headers.location), 'http://x').searchParams.get('request')
  await browser.post('/consent', { request: request ?? '', decision: 'allow' })
  t.ok((await bothWays(t, url, { cookie }, 'let in')).wasShort)
  const wider = await bothWays(
    t,
    url.replace('scope=openid', 'scope=openid+profile'),
    { cookie },
    'wider'
  )
  t.match(wider.headers['location'], '/consent')
  await app.sql('DELETE FROM consent WHERE client_id = $1', [theirs.id])
  t.match((await bothWays(t, url, { cookie }, 'taken back')).headers['location'], '/consent')
})

void t.test('a body that nobody reads: passed over, and the next request answered', async (t) => {
  const fields = `cookie: ${cookie}\r\n`
  const answer = await exchange(port, withBodyThenWithout(`GET ${plain} HTTP/1.1`, fields))
  t.equal(answer.statusCode, 303)
  t.match(answer.body, 'HTTP/1.1 303 See Other')
})

void t.test('a client that was changed meanwhile: as it is now', async (t) => {
  t.ok((await over(plain, { cookie })).wasShort)
  const change = async (set: string) => app.sql(`UPDATE client SET ${set} WHERE id = $1`, [ours.id])
  const answers = [
    ["redirect_uris = '{https://other.example/cb}'", 400],
    ["redirect_uris = '{https://shop.example/callback}'", 303],
    ['disabled_at = now()', 400],
    ['disabled_at = NULL', 303]
  ] as const
  for (const [set, status] of answers) {
    await change(set)
    t.equal((await over(plain, { cookie })).statusCode, status, set)
  }
})

void t.test('an answered request: one line of its person, and one count', async (t) => {
  const countOf = async () => {
    const { body } = await app.app.renderMetrics()
    const labels = { route: ROUTE, method: 'GET', status: '3xx' }
    return valueOf(body, 'latchkey_http_requests_total', labels) ?? 0
  }
  const before = await countOf()
  const { headers, wasShort } = await over(plain, { cookie })
  t.ok(wasShort)
  t.match(headers['x-request-id'], /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
  t.equal(await countOf(), before + 1)
})

void t.test('a login that has idled for a while: written down, and used', async (t) => {
  const id = user.id
  await app.sql(
    "UPDATE session SET last_used_at = now() - interval '2 minutes' WHERE user_id = $1",
    [id]
  )
  t.equal((await over(plain, { cookie })).statusCode, 303)
  const [row] = await app.sql(
    "SELECT last_used_at > now() - interval '1 minute' AS slid FROM session WHERE user_id = $1 AND delivery = 'browser'",
    [id]
  )
  t.equal(row?.['slid'], true)
  t.ok((await over(plain, { cookie })).wasShort)
})

void t.test('too many calls of an address: 429, short or not', async (t) => {
  const strict = await startApp(t, { ...app.env, RATE_LIMIT_AUTHORIZE_PER_MINUTE: '3' })
  const strictPort = await listen(strict)
  const lines = `host: id.example.com\r\nconnection: close\r\ncookie: ${cookie}\r\n`
  const call = async () => exchange(strictPort, `GET ${plain} HTTP/1.1\r\n${lines}\r\n`)
  const answers = []
  for (let n = 0; n < 5; n += 1) answers.push(await call())
  const limited = answers.filter(({ statusCode }) => statusCode === 429)
  t.ok(limited.length >= 2, 'those of before count too')
  t.match(limited[0]?.headers, { 'ratelimit-remaining': '0', 'retry-after': /^\d+$/ })
})

void t.test('logged out: nothing of it is short any more', async (t) => {
  t.ok((await over(plain, { cookie })).wasShort)
  await app.sql('UPDATE session SET revoked_at = now() WHERE user_id = $1', [user.id])
  const answer = await bothWays(t, plain, { cookie }, 'logged out')
  t.match(answer.headers['location'], '/login')
})
