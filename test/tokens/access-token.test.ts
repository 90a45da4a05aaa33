import { calculateJwkThumbprint, createLocalJWKSet, jwtVerify, type JSONWebKeySet } from 'jose'
import t from 'tap'
import { ISSUER, startApp, type TestApp } from '../support/app.ts'
import { claimsOf, freshEmail, givenSession, givenUser } from '../support/builders.ts'
import { headerOf } from '../support/jws.ts'

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

const app = await startApp(t)

async function publishedKeys({ get }: TestApp): Promise<JSONWebKeySet> {
  return (await get('/.well-known/jwks.json')).json()
}

async function verdict(path: string, token: string, of: TestApp = app): Promise<number> {
  return (await of.get(path, token)).statusCode
}

void t.test('a login’s access token, read: the claims of RFC 9068 and no others', async (t) => {
  const { user, accessToken, sessionId } = await givenSession(app)
  const claims = claimsOf(accessToken)
  const nowSeconds = app.app.clock.now().getTime() / 1_000
  t.match(claims, {
    iss: ISSUER,
    aud: ISSUER,
    sub: user.id,
    sid: sessionId,
    client_id: 'latchkey',
    scope: 'account',
    roles: [],
    amr: ['pwd'],
    auth_time: Number,
    jti: UUID
  })
  const named = ['iss', 'aud', 'sub', 'sid', 'client_id', 'scope', 'roles', 'amr', 'auth_time']
  t.strictSame(Object.keys(claims).sort(), [...named, 'iat', 'exp', 'jti'].sort())
  t.equal((claims['exp'] as number) - (claims['iat'] as number), 600)
  t.ok(Math.abs((claims['iat'] as number) - nowSeconds) < 5, 'iat is the present, in seconds')
  t.ok((claims['auth_time'] as number) <= (claims['iat'] as number))
})

void t.test(
  'its header, read: alg, typ and kid, the kid being the RFC 7638 thumbprint',
  async (t) => {
    const { accessToken } = await givenSession(app)
    const [key] = (await publishedKeys(app)).keys
    const kid = await calculateJwkThumbprint(key!, 'sha256')
    t.strictSame(headerOf(accessToken), { alg: 'RS256', typ: 'at+jwt', kid })
    t.equal(key!.kid, kid)
  }
)

void t.test('another service, with jose and the published keys: verifies it', async (t) => {
  const { accessToken, user } = await givenSession(app)
  const keys = createLocalJWKSet(await publishedKeys(app))
  const rules = { issuer: ISSUER, audience: ISSUER, typ: 'at+jwt', algorithms: ['RS256'] }
  t.equal((await jwtVerify(accessToken, keys, rules)).payload.sub, user.id)
  await t.rejects(jwtVerify(accessToken, keys, { ...rules, audience: 'other' }), {
    code: 'ERR_JWT_CLAIM_VALIDATION_FAILED'
  })
})

void t.test('two tokens of one session: a jti each, the same session', async (t) => {
  const { accessToken, refreshToken } = await givenSession(app)
  const answer = await app.post('/auth/refresh-token', { refresh_token: refreshToken })
  const [first, second] = [claimsOf(accessToken), claimsOf(answer.json().access_token)]
  t.not(first['jti'], second['jti'])
  t.equal(first['sid'], second['sid'])
  t.equal(first['auth_time'], second['auth_time'], 'a refresh is no login')
})

void t.test('a good token, asked about: active, with its claims and nothing else', async (t) => {
  const { accessToken } = await givenSession(app)
  for (const path of ['/auth/verify-token', '/verify-token']) {
    const answer = await app.get(path, accessToken)
    t.equal(answer.statusCode, 200)
    t.strictSame(answer.json(), { active: true, ...claimsOf(accessToken) })
  }
  t.equal(await verdict(`/verify-token?audience=${ISSUER}`, accessToken), 200)
  t.equal(await verdict('/verify-token?audience=https://other.example', accessToken), 401)
  t.equal(await verdict(`/verify-token?audience=${ISSUER}/`, accessToken), 401)
  t.equal(await verdict('/verify-token?audience=', accessToken), 422)
  t.equal(await verdict(`/verify-token?audience=${ISSUER}&audience=other`, accessToken), 422)
})

void t.test('a token at the end of its life: good a moment before, refused at exp', async (t) => {
  const { accessToken } = await givenSession(app)
  await app.moveTime(590)
  t.equal(await verdict('/auth/me', accessToken), 200)
  await app.moveTime(601)
  t.equal(await verdict('/auth/me', accessToken), 401)
  t.equal(await verdict('/verify-token', accessToken), 401, 'although it had been verified before')
  await app.moveTime(0)
})

void t.test(
  'ACCESS_TOKEN_AUDIENCE: the issuer first, then the others, each may be asked',
  async (t) => {
    const wide = await startApp(t, { ACCESS_TOKEN_AUDIENCE: 'https://api.example.com orders' })
    const { accessToken } = await givenSession(wide)
    t.strictSame(claimsOf(accessToken)['aud'], [ISSUER, 'https://api.example.com', 'orders'])
    t.equal(await verdict('/verify-token', accessToken, wide), 200)
    t.equal(await verdict('/verify-token?audience=orders', accessToken, wide), 200)
    t.equal(await verdict('/verify-token?audience=order', accessToken, wide), 401)
    t.equal(await verdict('/verify-token?audience=https://api.example.com', accessToken, wide), 200)
    t.equal(await verdict('/auth/me', accessToken, wide), 200)
  }
)

void t.test('ACCESS_TOKEN_CLAIMS: tokens say who somebody is, as far as it asks', async (t) => {
  const open = await startApp(t, { ACCESS_TOKEN_CLAIMS: 'email email_verified name username' })
  const email = freshEmail()
  const ada = await givenUser(open, { email, name: 'Ada', username: 'ada.l' })
  const { accessToken } = await givenSession(open, ada)
  t.match(claimsOf(accessToken), { email, email_verified: true, name: 'Ada', username: 'ada.l' })
  t.match((await open.get('/verify-token', accessToken)).json(), { email, username: 'ada.l' })
  const { accessToken: nameless } = await givenSession(open)
  t.match(claimsOf(nameless), { email: String, name: undefined, username: undefined })

  const narrow = await startApp(t, { ACCESS_TOKEN_CLAIMS: 'username' })
  const bob = await givenUser(narrow, { name: 'Bob', username: 'bob' })
  const { accessToken: short } = await givenSession(narrow, bob)
  t.match(claimsOf(short), {
    username: 'bob',
    name: undefined,
    email: undefined,
    email_verified: undefined
  })
})

void t.test('ACCESS_TOKEN_TTL_SECONDS: the life of a token', async (t) => {
  const brief = await startApp(t, { ACCESS_TOKEN_TTL_SECONDS: '300' })
  const claims = claimsOf((await givenSession(brief)).accessToken)
  t.equal((claims['exp'] as number) - (claims['iat'] as number), 300)
})
