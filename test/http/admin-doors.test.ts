import { randomBytes, randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import { createJwtSigner } from '../../src/signing/jwt-signer.ts'
import { createAccessTokens, type AccessTokenSubject } from '../../src/tokens/access-token.ts'
import { ISSUER, startApp } from '../support/app.ts'
import { claimsOf, givenSession, givenUser } from '../support/builders.ts'
import { dumpDatabase } from '../support/database-dump.ts'
import { openKeyRoom } from '../support/key-room.ts'
import { operationsOf, sampleBody, type Operation } from '../support/operations.ts'
import { isProblem } from '../support/problem.ts'
import { listen } from '../support/raw-http.ts'
import { outboxEmpty } from '../support/registrations.ts'
import { bearer } from '../support/server-sessions.ts'
import { rawRequests, spellings } from '../support/spellings.ts'

const app = await startApp(t)
const operations = await operationsOf(app)
const doors = operations.filter(({ path }) => path.startsWith('/admin/'))
const victim = await givenSession(app)
const thief = await givenSession(app)
const admin = await givenSession(app)
await app.sql(`UPDATE users SET roles = '{admin,user}' WHERE id = $1`, [admin.user.id])
const raw = rawRequests(await listen(app))
const { ring, platform } = await openKeyRoom(t, app)
await outboxEmpty(app)

/** The door to somebody who is there: were it open, something would happen. */
const doorTo = ({ path }: Operation) => path.replaceAll('{id}', victim.user.id)
const requestAt = ({ body }: Operation) =>
  body === null ? '' : JSON.stringify({ ...sampleBody(body), roles: ['admin'] })

/** Everything that is kept, but for the seals of the audit trail, which come in the background. */
async function state(): Promise<string[]> {
  const dump = await dumpDatabase(app.databaseUrl)
  const kept = dump.filter(({ place }) => !/^audit_seal(ed_event)?\./.test(place))
  return kept.map(({ place, forms: [value = ''] }) => `${place} ${value}`).sort()
}

/** Runs a test, and sees that not a byte of the database has changed. */
function unmoved(name: string, task: (t: Test) => Promise<void>): void {
  void t.test(name, async (t) => {
    const before = await state()
    await task(t)
    t.strictSame(await state(), before, 'and nothing has happened')
  })
}

function tellsNothing(t: Test, body: string, what: string): void {
  const secrets = [victim.user.email, victim.user.id, victim.sessionId, admin.user.email]
  t.notOk(
    secrets.some((secret) => body.includes(secret)),
    `${what}: tells nothing`
  )
}

async function at(operation: Operation, headers: Record<string, string>) {
  const payload = requestAt(operation)
  const type = payload === '' ? {} : { 'content-type': 'application/json' }
  return app.app.inject({
    method: operation.method,
    url: doorTo(operation),
    headers: { ...type, ...headers },
    ...(payload !== '' && { payload })
  })
}

/** A token for `session` that our own ring signed, with what it says changed. */
async function signed(session: typeof thief, said: { clientId?: string; issuer?: string }) {
  const issuer = said.issuer ?? ISSUER
  const { clock } = platform
  const tokens = createAccessTokens({
    keyRing: ring,
    signJwt: createJwtSigner(ring),
    clock,
    issuer,
    audience: [ISSUER],
    ttlSeconds: 300
  })
  const { auth_time, amr } = claimsOf(session.accessToken) as Required<AccessTokenSubject>
  return tokens.issue({
    sub: session.user.id,
    sid: session.sessionId,
    client_id: said.clientId ?? 'latchkey',
    scope: 'admin',
    roles: ['admin'],
    auth_time,
    amr
  })
}

/** Someone who was an administrator when the token was made, and what became of them. */
async function formerAdmin(statement: string) {
  const session = await givenSession(app, await givenUser(app))
  await app.sql(`UPDATE users SET roles = '{admin,user}' WHERE id = $1`, [session.user.id])
  const token = await signed(session, {})
  if ((await app.get('/admin/users', token)).statusCode !== 200)
    throw new Error('No administrator.')
  await app.sql(statement, [session.user.id])
  await outboxEmpty(app)
  return token
}

const ROLE_GONE = `UPDATE users SET roles = '{user}' WHERE id = $1`
const DISABLED = `UPDATE users SET status = 'disabled' WHERE id = $1`
const ENDED = `UPDATE session SET revoked_at = latchkey_now(), revoke_reason = 'logout' WHERE user_id = $1`
const UNVERIFIED = `UPDATE users SET roles = '{user}', email_verified_at = NULL WHERE id = $1`

/** Every kind of caller who is no administrator, and the status they get. */
const CALLERS: [string, 401 | 403, () => Promise<Record<string, string>>][] = [
  ['nobody', 401, () => Promise.resolve({})],
  ['an ordinary person', 403, () => Promise.resolve(bearer(thief.accessToken))],
  [
    'an ordinary person whose token says admin, signed by our own key',
    403,
    async () => bearer(await signed(thief, {}))
  ],
  [
    'an administrator through the client of somebody else',
    401,
    async () => bearer(await signed(admin, { clientId: 'shop' }))
  ],
  [
    'an administrator with a token of another issuer',
    401,
    async () => bearer(await signed(admin, { issuer: 'https://elsewhere.example' }))
  ],
  ['an administrator with a refresh token', 401, () => Promise.resolve(bearer(admin.refreshToken))],
  ['an administrator no longer', 403, async () => bearer(await formerAdmin(ROLE_GONE))],
  ['a disabled administrator', 401, async () => bearer(await formerAdmin(DISABLED))],
  ['an administrator who logged out', 401, async () => bearer(await formerAdmin(ENDED))],
  ['somebody whose address is not proven', 403, async () => bearer(await formerAdmin(UNVERIFIED))]
]

void t.test('the doors of administrators: all of them are here, and open to one', async (t) => {
  t.ok(doors.length >= 10)
  t.ok(doors.every(({ needsToken }) => needsToken))
  const shown = await app.get(`/admin/users/${victim.user.id}`, admin.accessToken)
  t.equal(shown.statusCode, 200)
  t.match(shown.body, victim.user.email, 'what the others must not see')
})

for (const [who, status, headersOf] of CALLERS) {
  void t.test(`${who}, at every door of administrators: ${status}`, async (t) => {
    const headers = await headersOf()
    const before = await state()
    for (const operation of doors) {
      const answer = await at(operation, headers)
      const { code } = isProblem(t, answer, status, operation.name)
      t.equal(code, status === 401 ? 'invalid_access_token' : 'insufficient_scope')
      tellsNothing(t, answer.body, operation.name)
    }
    t.strictSame(await state(), before, 'and nothing has happened')
  })
}

void t.test('an administrator whose token has run out: 401', async (t) => {
  await app.moveTime(601)
  for (const operation of doors) {
    isProblem(t, await at(operation, bearer(admin.accessToken)), 401, operation.name)
  }
  await app.moveTime(0)
})

const CLOSED = [400, 401, 403, 404, 415, 422]

unmoved('every spelling of a path, by an ordinary person: closed', async (t) => {
  for (const operation of doors) {
    const body = requestAt(operation)
    const headers = { ...bearer(thief.accessToken), 'content-type': 'application/json' }
    for (const target of spellings(doorTo(operation))) {
      const answer = await raw(operation.method, target, { headers, body })
      const what = `${operation.method} ${target}`
      t.ok(CLOSED.includes(answer.statusCode), `${what}: ${answer.statusCode}`)
      tellsNothing(t, answer.body, what)
    }
  }
})

/** What proxies say about a request, and what some servers believe. */
const CLAIMS: Record<string, string>[] = [
  { 'x-forwarded-for': '127.0.0.1', 'x-real-ip': '127.0.0.1', forwarded: 'for=127.0.0.1' },
  { 'x-forwarded-host': 'localhost', 'x-forwarded-proto': 'https', 'x-forwarded-prefix': '/livez' },
  { 'x-original-url': '/livez', 'x-rewrite-url': '/livez', 'x-forwarded-uri': '/livez' },
  { 'x-http-method-override': 'OPTIONS', 'x-method-override': 'HEAD' },
  { 'x-user-id': admin.user.id, 'x-roles': 'admin', 'x-forwarded-user': 'admin' },
  { host: '127.0.0.1', 'sec-fetch-site': 'same-origin', origin: ISSUER },
  { cookie: `access_token=${admin.accessToken}; latchkey-refresh=${admin.refreshToken}` }
]

unmoved('every door, with claims in other headers or by HTTP/1.0: closed', async (t) => {
  for (const operation of doors) {
    const body = requestAt(operation)
    for (const claim of [...CLAIMS, {}]) {
      const version = Object.keys(claim).length === 0 ? '1.0' : '1.1'
      const headers = {
        ...bearer(thief.accessToken),
        'content-type': 'application/json',
        ...claim
      }
      const answer = await raw(operation.method, doorTo(operation), { headers, body, version })
      const what = `${operation.name} ${JSON.stringify(claim)}`
      isProblem(t, answer, 403, what)
      tellsNothing(t, answer.body, what)
    }
  }
})

unmoved('a public route that headers call a door: stays what it is', async (t) => {
  for (const name of ['x-original-url', 'x-rewrite-url', 'x-forwarded-uri', 'x-forwarded-path']) {
    for (const operation of doors) {
      const headers = { ...bearer(thief.accessToken), [name]: doorTo(operation) }
      const answer = await raw('GET', '/livez', { headers })
      t.equal(answer.body, '{"status":"alive"}', `${name}: ${operation.name}`)
    }
  }
})

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']
const STRANGE_METHODS = ['TRACE', 'PROPFIND', 'SEARCH', 'CONNECT', 'get', 'ADMIN', 'QUERY']

unmoved('every method at every door, by an ordinary person: closed', async (t) => {
  for (const url of new Set(doors.map(doorTo))) {
    for (const method of [...METHODS, ...STRANGE_METHODS]) {
      const answer = await raw(method, url, { headers: bearer(thief.accessToken) })
      // Node closes the connection of a CONNECT that nobody serves.
      const others = method === 'CONNECT' ? [0] : [...CLOSED, 405]
      const allowed = method === 'OPTIONS' ? [204] : others
      t.ok(allowed.includes(answer.statusCode), `${method} ${url}: ${answer.statusCode}`)
      if (method === 'HEAD' || method === 'OPTIONS') t.equal(answer.body, '')
      tellsNothing(t, answer.body, `${method} ${url}`)
    }
  }
})

unmoved('two Authorization headers, in either order: neither counts', async (t) => {
  const [good, plain] = [bearer(admin.accessToken), bearer(thief.accessToken)]
  for (const [first, second] of [
    [good, plain],
    [plain, good],
    [good, good],
    [good, { authorization: 'Basic eDp5' }]
  ] as const) {
    const headers = { Authorization: first.authorization, authorization: second.authorization }
    const answer = await raw('GET', '/admin/users', { headers })
    isProblem(t, answer, 401, `${first.authorization.slice(-9)}, ${second.authorization.slice(-9)}`)
    tellsNothing(t, answer.body, 'two headers')
  }
})

unmoved('ids of somebody else, wherever an ordinary person can write one: nothing', async (t) => {
  const { accessToken } = thief
  const own = operations.filter(
    ({ path, needsToken }) => needsToken && /^\/(users|auth)/.test(path)
  )
  t.ok(own.length >= 8)
  for (const { name, method, path } of own) {
    const url = path.replaceAll('{id}', victim.sessionId)
    const isIdRoute = url !== path
    const payload = JSON.stringify({ id: victim.user.id, user_id: victim.user.id })
    const query = `user_id=${victim.user.id}&sub=${victim.user.id}&id=${victim.user.id}`
    const json = { 'content-type': 'application/json' }
    const isRead = method === 'GET'
    const answer = await app.app.inject({
      method,
      url: `${url}?${query}`,
      headers: { ...bearer(accessToken), 'x-user-id': victim.user.id, ...(!isRead && json) },
      ...(!isRead && { payload })
    })
    const allowed = isRead ? [200, 422] : isIdRoute ? [404, 422] : [422]
    t.ok(allowed.includes(answer.statusCode), `${name}: ${answer.statusCode}`)
    tellsNothing(t, answer.body, name)
  }
  const url = `/users/sessions/${victim.sessionId}`
  const remove = { method: 'DELETE', url, headers: bearer(accessToken) } as const
  isProblem(t, await app.app.inject(remove), 404, 'the session of somebody else')
  const unknown = { ...remove, url: `/users/sessions/${randomUUID()}` } as const
  const [one, other] = [await app.app.inject(remove), await app.app.inject(unknown)]
  t.equal(one.body, other.body, 'like one that is not there')
  t.equal((await app.get('/auth/me', victim.accessToken)).statusCode, 200, 'it lives')
})

unmoved('a key of somebody’s own: signs nothing that opens a door', async (t) => {
  const [header = '', , signature = ''] = admin.accessToken.split('.')
  const claims = {
    ...claimsOf(thief.accessToken),
    roles: ['admin'],
    scope: 'admin',
    sub: admin.user.id
  }
  const payload = Buffer.from(JSON.stringify(claims)).toString('base64url')
  for (const end of [signature, '', randomBytes(256).toString('base64url')]) {
    for (const operation of doors) {
      const answer = await at(operation, bearer(`${header}.${payload}.${end}`))
      isProblem(t, answer, 401, operation.name)
    }
  }
})
