import { randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import { buildApp } from '../../src/app.ts'
import { readConfig } from '../../src/config.ts'
import { createJwtSigner } from '../../src/signing/jwt-signer.ts'
import { createAccessTokens, type AccessTokenSubject } from '../../src/tokens/access-token.ts'
import { ISSUER, startApp } from '../support/app.ts'
import { claimsOf, givenSession, refresh } from '../support/builders.ts'
import { eventually } from '../support/eventually.ts'
import { openKeyRoom } from '../support/key-room.ts'
import { operationsOf, type Operation } from '../support/operations.ts'
import { isProblem } from '../support/problem.ts'
import { bearer } from '../support/server-sessions.ts'

/** They want a token and take any client's: asking about a token is what they are for. */
const OPEN_TO_ALL_CLIENTS = ['/auth/verify-token', '/verify-token']

const app = await startApp(t)
const guarded = (await operationsOf(app)).filter(({ needsToken }) => needsToken)
const forPeople = guarded.filter(({ url }) => !OPEN_TO_ALL_CLIENTS.includes(url))

async function call({ method, url }: Operation, headers: Record<string, string>) {
  return app.app.inject({ method, url, headers })
}

/** Every one of the operations refuses these headers, and tells no more than that. */
async function refused(
  t: Test,
  operations: Operation[],
  headers: Record<string, string>,
  challenge: RegExp
): Promise<void> {
  for (const operation of operations) {
    const answer = await call(operation, headers)
    const problem = isProblem(t, answer, 401, operation.name, headers['authorization'] ?? 'none')
    t.equal(problem.code, 'invalid_access_token', operation.name)
    t.match(answer.headers['www-authenticate'], challenge, operation.name)
  }
}

const NO_ERROR = /^Bearer realm="latchkey"$/
const INVALID = /^Bearer error="invalid_token"$/

void t.test('the document: tells which routes want a person', (t) => {
  t.ok(forPeople.some(({ name }) => name === 'GET /auth/me'))
  t.ok(guarded.some(({ name }) => name === 'GET /verify-token'))
  t.end()
})

void t.test('a route that does not say who may call it: the app never gets ready', async (t) => {
  const silent = await buildApp({ ...readConfig(app.env), databaseUrl: app.databaseUrl })
  t.teardown(() => silent.close())
  silent.get('/silent', () => 'canary')
  silent.route({ method: ['PUT', 'DELETE'], url: '/silent-too', handler: () => 'canary' })
  await t.rejects(async () => silent.ready(), {
    message: /^No config\.access says who may call (?=.*GET \/silent\b)(?=.*\/silent-too\b)/
  })
})

void t.test('a route that says so, in a scope of its own: guarded by the same rule', async (t) => {
  const other = await buildApp({ ...readConfig(app.env), databaseUrl: app.databaseUrl })
  t.teardown(() => other.close())
  await other.register((scope, _options, done) => {
    scope.get('/inner', { config: { access: 'user' } }, () => 'canary')
    done()
  })
  await other.ready()
  t.equal((await other.inject('/inner')).statusCode, 401)
  const { accessToken } = await givenSession(app)
  const answer = await other.inject({ url: '/inner', headers: bearer(accessToken) })
  t.equal(answer.body, 'canary', 'and opens to a person')
})

void t.test('no token, or one in the wrong place: 401', async (t) => {
  const { accessToken } = await givenSession(app)
  await refused(t, guarded, {}, NO_ERROR)
  await refused(t, guarded, { cookie: `access_token=${accessToken}` }, NO_ERROR)
  await refused(t, guarded, { 'x-access-token': accessToken }, NO_ERROR)
  await refused(t, guarded, { authorization: `Basic ${accessToken}` }, NO_ERROR)
  for (const { method, url, name } of forPeople) {
    const inQuery = { method, url: `${url}?access_token=${accessToken}` }
    t.equal((await app.app.inject(inQuery)).statusCode, 401, `${name}, in the query`)
  }
})

void t.test('a token that is none: 401', async (t) => {
  const { accessToken, refreshToken, sessionId } = await givenSession(app)
  const [header = '', payload = '', signature = ''] = accessToken.split('.')
  const raised = { ...claimsOf(accessToken), roles: ['admin'] }
  const forged = Buffer.from(JSON.stringify(raised)).toString('base64url')
  for (const token of [
    'garbage',
    'a.b.c',
    refreshToken,
    sessionId,
    `${header}.${payload}.`,
    `${header}.${payload}`,
    `${header}.${forged}.${signature}`
  ]) {
    await refused(t, guarded, bearer(token), INVALID)
  }
  for (const operation of guarded) {
    t.not((await call(operation, bearer(accessToken))).statusCode, 401, 'the true one opens')
  }
})

void t.test('a token of another client, whoever it belongs to: 401 (T9)', async (t) => {
  const { user, sessionId, accessToken } = await givenSession(app)
  const { ring, platform } = await openKeyRoom(t, app)
  const tokens = createAccessTokens({
    keyRing: ring,
    signJwt: createJwtSigner(ring),
    clock: platform.clock,
    issuer: ISSUER,
    audience: [],
    ttlSeconds: 300
  })
  const { scope, roles, auth_time, amr } = claimsOf(accessToken) as Required<AccessTokenSubject>
  const subject = { sub: user.id, sid: sessionId, scope, roles, auth_time, amr }
  for (const client_id of ['shop', 'Latchkey', 'latchkey ', '', user.id]) {
    const token = await tokens.issue({ ...subject, client_id })
    await refused(t, forPeople, bearer(token), INVALID)
  }
  const token = await tokens.issue({ ...subject, client_id: 'latchkey' })
  t.equal((await app.get('/auth/me', token)).statusCode, 200, 'only the client was wrong')
  const stranger = await tokens.issue({ ...subject, client_id: 'latchkey', sid: randomUUID() })
  await refused(t, forPeople, bearer(stranger), INVALID)
})

/** What happens to a person or a session in Postgres, by whatever hand. */
const ENDINGS = {
  'the session was ended':
    "UPDATE session SET revoked_at = latchkey_now(), revoke_reason = 'logout' WHERE id = $1",
  'the session has expired':
    "UPDATE session SET expires_at = latchkey_now() - interval '1 second' WHERE id = $1",
  'the session was deleted': 'DELETE FROM session WHERE id = $1',
  'the person was disabled':
    "UPDATE users SET status = 'disabled' FROM session s WHERE s.id = $1 AND users.id = s.user_id",
  'the person was deleted':
    'DELETE FROM users USING session s WHERE s.id = $1 AND users.id = s.user_id'
}

for (const [what, statement] of Object.entries(ENDINGS)) {
  void t.test(`a good token, but ${what}: 401 at the next request`, async (t) => {
    const { accessToken, refreshToken, sessionId } = await givenSession(app)
    t.equal((await app.get('/auth/me', accessToken)).statusCode, 200)
    await app.sql(statement, [sessionId])
    await refused(t, forPeople, bearer(accessToken), INVALID)
    t.equal((await refresh(app, refreshToken)).statusCode, 401, 'nor is there a new one')
  })
}

void t.test('an ended session, by SQL: /verify-token refuses its token too', async () => {
  const { accessToken, sessionId } = await givenSession(app)
  await app.sql(ENDINGS['the session was ended'], [sessionId])
  await eventually('refusal', async () => {
    return (await app.get('/verify-token', accessToken)).statusCode === 401
  })
})

void t.test('a token that has run out: 401', async (t) => {
  const { accessToken } = await givenSession(app)
  await app.moveTime(601)
  await refused(t, guarded, bearer(accessToken), INVALID)
  await app.moveTime(0)
})
