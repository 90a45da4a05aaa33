import type { Response } from 'light-my-request'
import t, { type Test } from 'tap'
import { startApp, type TestApp } from '../support/app.ts'
import { startBehindWire } from '../support/behind-wire.ts'
import { givenSession } from '../support/builders.ts'

const app = await startApp(t)
const { accessToken } = await givenSession(app)

/** One answer of every kind that a healthy server gives. */
async function answersOf({ app: server }: Pick<TestApp, 'app'>): Promise<Record<string, Response>> {
  const json = { 'content-type': 'application/json' }
  const jwks = await server.inject('/.well-known/jwks.json')
  const etag = String(jwks.headers.etag)
  const login = { method: 'POST', url: '/auth/login', headers: json } as const
  const asUser = { authorization: `Bearer ${accessToken}` }
  return {
    '200': await server.inject('/livez'),
    '200, about a person': await server.inject({ url: '/auth/me', headers: asUser }),
    '204, a preflight': await server.inject({ method: 'OPTIONS', url: '/auth/login' }),
    '400': await server.inject({ ...login, payload: '{' }),
    '400, a URL that cannot be read': await server.inject('/%zz'),
    '401': await server.inject('/auth/me'),
    '404': await server.inject('/nope'),
    '404, a method': await server.inject({ method: 'DELETE', url: '/auth/login' }),
    '413': await server.inject({ ...login, payload: `"${'a'.repeat(70_000)}"` }),
    '415': await server.inject({
      ...login,
      headers: { 'content-type': 'text/plain' },
      payload: 'a'
    }),
    '422': await server.inject({ ...login, payload: '{}' }),
    'a page': await server.inject('/verify-email'),
    'a page that refuses': await server.inject({ method: 'POST', url: '/verify-email' }),
    'a page of development': await server.inject('/dev/mail'),
    'a style sheet': await server.inject('/assets/pages.css'),
    JWKS: jwks,
    'JWKS, 304': await server.inject({
      url: '/.well-known/jwks.json',
      headers: { 'if-none-match': etag }
    }),
    'the document': await server.inject('/openapi.json'),
    docs: await server.inject('/docs'),
    'docs, a script': await server.inject('/docs/static/swagger-ui-bundle.js'),
    'docs, no such file': await server.inject('/docs/static/nope.js')
  }
}

/** What may be kept, by whom it likes. Everything else is nobody's to keep. */
const CACHEABLE = ['JWKS', 'JWKS, 304', 'a style sheet', 'docs, a script']

function isGuarded(t: Test, name: string, { headers, body }: Response): void {
  const policy = String(headers['content-security-policy'])
  t.match(policy, /(^|;) *default-src 'none'(;|$)/, `${name}: nothing from anywhere by default`)
  t.match(policy, /(^|;) *frame-ancestors 'none'(;|$)/, `${name}: in no frame`)
  t.notMatch(policy, /unsafe-|https?:|\*/, `${name}: no inline script, no foreign host`)
  t.equal(headers['x-content-type-options'], 'nosniff', name)
  t.match(headers['referrer-policy'], /^(no-referrer|same-origin)$/, name)
  t.match(headers['x-request-id'], /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, name)
  t.equal(headers['server'], undefined, name)
  t.equal(headers['x-powered-by'], undefined, name)
  if (!CACHEABLE.includes(name)) t.equal(headers['cache-control'], 'no-store', name)
  if (!name.startsWith('docs')) t.notMatch(body, /fastify|FST_|node_modules|\n +at /i, name)
}

void t.test('answers of every kind, on an http issuer: guarded, without HSTS', async (t) => {
  const ids = new Set<unknown>()
  for (const [name, answer] of Object.entries(await answersOf(app))) {
    isGuarded(t, name, answer)
    t.equal(answer.headers['strict-transport-security'], undefined, `${name}: a browser would obey`)
    t.notOk(ids.has(answer.headers['x-request-id']), `${name}: an id of its own`)
    ids.add(answer.headers['x-request-id'])
    const status = /^\d{3}/.exec(name)?.[0]
    if (status !== undefined) t.equal(answer.statusCode, Number(status), name)
  }
})

void t.test('answers of every kind, on an https issuer: with HSTS for a year', async (t) => {
  const secure = await startApp(t, { ...app.env, ISSUER: 'https://id.example.com' })
  for (const [name, { headers }] of Object.entries(await answersOf(secure))) {
    if (name === '400, a URL that cannot be read') continue // written before there is a route
    const age = /^max-age=(\d+)/.exec(String(headers['strict-transport-security']))?.[1]
    t.ok(Number(age) >= 31_536_000, name)
  }
})

void t.test('503, while Postgres is away: guarded, and says when to come back', async (t) => {
  const { wire, post, get } = await startBehindWire(t, app)
  await wire.cut()
  const body = { email: 'nobody@example.com', password: 'sparrow-lantern-42-quartz' }
  for (const [name, answer] of Object.entries({
    login: await post('/auth/login', body),
    'a route for people': await get('/auth/me', accessToken),
    readyz: await get('/readyz'),
    health: await get('/health'),
    page: await post('/verify-email')
  })) {
    if (name !== 'page') t.equal(answer.statusCode, 503, name)
    isGuarded(t, name, answer)
  }
  t.match((await post('/auth/login', body)).headers, { 'retry-after': /^\d+$/ })
  t.equal((await get('/.well-known/jwks.json')).statusCode, 200, 'keys are still published')
})

void t.test('500, a statement that fails: guarded, and tells nothing from inside', async (t) => {
  await app.sql('ALTER TABLE users RENAME COLUMN email_index TO canary_column')
  try {
    const body = { email: 'nobody@example.com', password: 'c4n4ry-password' }
    const answer = await app.post('/auth/login', body)
    t.equal(answer.statusCode, 500)
    t.match(answer.json(), { status: 500, code: 'internal_error', title: /./, detail: /./ })
    t.notMatch(answer.body, /canary|c4n4ry|column|prisma|sql/i)
    isGuarded(t, '500', answer)
  } finally {
    await app.sql('ALTER TABLE users RENAME COLUMN canary_column TO email_index')
  }
})

void t.test(
  'JWKS: to be kept for five minutes, by anybody, and told again by its ETag',
  async (t) => {
    const answer = await app.get('/.well-known/jwks.json')
    t.match(answer.headers, {
      'cache-control': 'public, max-age=300',
      'access-control-allow-origin': '*',
      etag: /^"[^"]+"$/
    })
    const headers = { 'if-none-match': String(answer.headers.etag) }
    const again = await app.app.inject({ url: '/.well-known/jwks.json', headers })
    t.equal(again.statusCode, 304)
    t.equal(again.body, '')
    t.equal(again.headers.etag, answer.headers.etag)
  }
)

void t.test('a request id of the caller: not taken over', async (t) => {
  for (const name of ['x-request-id', 'request-id', 'x-correlation-id']) {
    const headers = { [name]: 'canary' }
    const answer = await app.app.inject({ url: '/livez', headers })
    t.not(answer.headers['x-request-id'], 'canary', name)
  }
})

void t.test('pages: no inline script or style, so that the policy breaks nothing', async (t) => {
  for (const url of ['/verify-email', '/verify-email?token=abc', '/dev/mail', '/docs']) {
    const { body, headers } = await app.app.inject({ url })
    t.match(headers['content-type'], /^text\/html/, url)
    t.notMatch(body, /<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=|javascript:/i, url)
    t.notMatch(
      body,
      /<(link|script|img|form)\b[^>]*="(https?:)?\/\//i,
      `${url}: nothing from elsewhere`
    )
  }
})
