import { randomUUID } from 'node:crypto'
import t from 'tap'
import { startApp } from '../support/app.ts'
import { givenSession } from '../support/builders.ts'
import { operationsOf } from '../support/operations.ts'
import { isProblem } from '../support/problem.ts'
import { listen } from '../support/raw-http.ts'
import { rawRequests, spellings } from '../support/spellings.ts'

const app = await startApp(t)
const operations = await operationsOf(app)
const { accessToken } = await givenSession(app)
const port = await listen(app)

const raw = rawRequests(port)

void t.test('paths that do not exist: 404, whatever the method', async (t) => {
  for (const url of ['/nope', '/auth', '/auth/', '/auth/nope', '/admin', '/.env', '/index.php']) {
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const) {
      const answer = await app.app.inject({ method, url })
      t.equal(isProblem(t, answer, 404, `${method} ${url}`).code, 'not_found')
    }
  }
})

void t.test('a URL that cannot be read: 400, and it is not repeated', async (t) => {
  for (const url of [
    '/%zz',
    '/%',
    '/auth/%ff',
    '/%c0%ae%c0%ae/canary',
    `/dev/mail/${'a'.repeat(200)}`
  ]) {
    const answer = await raw('GET', url)
    isProblem(t, answer, 400, url)
    t.notOk(answer.body.includes(url), 'not repeated')
    t.match(answer.headers, {
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'content-security-policy': /frame-ancestors 'none'/,
      'x-request-id': /^[0-9a-f-]{36}$/
    })
  }
})

void t.test('a method that a path does not have: 404, and nothing is done', async (t) => {
  for (const { url } of operations) {
    // `/admin/clients/initial-access-tokens` is a client's path too, but for the id, which nobody gets.
    const known = operations
      .filter(
        (other) =>
          other.url === url || (isAnybody(other.url) && folderOf(other.url) === folderOf(url))
      )
      .map(({ method }) => method)
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const) {
      if (known.includes(method)) continue
      const headers = { authorization: `Bearer ${accessToken}` }
      isProblem(t, await app.app.inject({ method, url, headers }), 404, `${method} ${url}`)
    }
  }
  t.equal((await app.get('/auth/me', accessToken)).statusCode, 200, 'the session lives')
})

const folderOf = (url: string) => url.replace(/[^/]+$/, '')
const isAnybody = (url: string) => url.endsWith('/00000000-0000-7000-8000-000000000000')

void t.test('a method override, asked for by header: not heard', async (t) => {
  for (const name of ['x-http-method-override', 'x-http-method', 'x-method-override']) {
    const answer = await app.app.inject({ url: '/auth/logout', headers: { [name]: 'POST' } })
    isProblem(t, answer, 404, name)
    const hidden = await app.app.inject({ url: '/livez', headers: { [name]: 'DELETE' } })
    t.equal(hidden.statusCode, 200, 'it stays a GET')
  }
  for (const name of ['x-original-url', 'x-rewrite-url', 'x-forwarded-uri', 'x-forwarded-prefix']) {
    const answer = await app.app.inject({ url: '/livez', headers: { [name]: '/auth/me' } })
    t.same(answer.json(), { status: 'alive' }, `${name} leads nowhere`)
  }
})

void t.test('methods that nobody serves: refused', async (t) => {
  for (const method of ['TRACE', 'PROPFIND', 'SEARCH', 'LOCK']) {
    const answer = await raw(method, '/auth/me', { headers: { 'x-secret': 'canary' } })
    t.ok([400, 404].includes(answer.statusCode), `${method}: ${answer.statusCode}`)
    t.notOk(answer.body.includes('canary'), 'TRACE repeats nothing')
  }
})

void t.test('HEAD, where there is a GET: its status and headers, no body', async (t) => {
  for (const { url, method } of operations) {
    if (method !== 'GET') continue
    const get = await app.get(url)
    const head = await app.app.inject({ method: 'HEAD', url })
    t.equal(head.statusCode, get.statusCode, url)
    t.equal(head.headers['content-type'], get.headers['content-type'])
    t.equal(head.body, '')
  }
})

void t.test('OPTIONS, not from a browser: 204 without a body, and nothing is done', async (t) => {
  for (const { url } of operations) {
    const answer = await app.app.inject({ method: 'OPTIONS', url })
    t.equal(answer.statusCode, 204, url)
    t.equal(answer.body, '')
    const isForAll = url.startsWith('/.well-known/')
    t.equal(answer.headers['access-control-allow-origin'], isForAll ? '*' : undefined)
  }
})

void t.test('protected routes, spelt otherwise without a token: never open', async (t) => {
  const doors = operations.filter(({ needsToken }) => needsToken)
  t.ok(doors.length >= 3, 'there are some')
  for (const { method, url } of doors) {
    for (const target of spellings(url)) {
      const { statusCode, body } = await raw(method, target)
      t.ok([400, 401, 404, 422].includes(statusCode), `${method} ${target}: ${statusCode}`)
      t.notMatch(body, /"user"|"active":true/)
    }
  }
})

void t.test('public routes, spelt otherwise: the same route, or 400 or 404', async (t) => {
  for (const target of spellings('/livez')) {
    const { statusCode, body } = await raw('GET', target)
    t.ok([200, 400, 404].includes(statusCode), `${target}: ${statusCode}`)
    if (statusCode === 200) t.same(JSON.parse(body), { status: 'alive' })
  }
})

void t.test('files of the house, asked for through the folders it serves: not given', async (t) => {
  const steps = ['..', '%2e%2e', '..%2f..', '%2e%2e%2f%2e%2e', '..%5c..', '..%00', '....//..']
  for (const folder of ['/docs/static', '/docs', '/assets', '/dev/mail']) {
    for (const step of steps) {
      for (const file of ['package.json', 'keys/kek', 'etc/passwd']) {
        for (const depth of [1, 4, 8]) {
          const target = `${folder}/${`${step}/`.repeat(depth)}${file}`
          const { statusCode, body } = await raw('GET', target)
          t.ok([400, 404].includes(statusCode), `${target}: ${statusCode}`)
          t.notMatch(body, /"dependencies"|root:/)
        }
      }
    }
  }
})

void t.test('ids in a query that ask for somebody else: not heard', async (t) => {
  const stranger = await givenSession(app)
  const id = randomUUID()
  for (const query of [
    `user_id=${stranger.user.id}`,
    `sub=${id}`,
    `id[]=${id}`,
    '__proto__[a]=1'
  ]) {
    const answer = await app.get(`/auth/me?${query}`, accessToken)
    t.ok([200, 422].includes(answer.statusCode), query)
    t.notOk(answer.body.includes(stranger.user.id), 'identity comes from the token')
  }
})
