import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, exportSPKI, SignJWT, UnsecuredJWT, type JWTPayload } from 'jose'
import t, { type Test } from 'tap'
import { deadOrigin, givenResourceServer } from './given.ts'

const keys = generateKeyPairSync('rsa', { modulusLength: 2_048 })
const otherKeys = generateKeyPairSync('rsa', { modulusLength: 2_048 })
const HEADER = { alg: 'RS256', typ: 'at+jwt', kid: 'one' }
/** Without `alg`: what may sign is for the service to say. */
const JWKS = { keys: [{ ...(await exportJWK(keys.publicKey)), kid: 'one', use: 'sig' }] }

/** Somebody who publishes something as keys. */
async function givenIssuer(t: Test, answer: RequestListener) {
  const server = createServer(answer).listen(0, 'localhost')
  await once(server, 'listening')
  const close = () => {
    server.close()
    server.closeAllConnections()
  }
  t.teardown(close)
  return { url: `http://localhost:${(server.address() as AddressInfo).port}`, close }
}

const publish: RequestListener = (_request, response) => response.end(JSON.stringify(JWKS))

function claimsFor(issuer: string): JWTPayload {
  const now = Math.floor(Date.now() / 1_000)
  const what = { sub: 'somebody', scope: 'account', roles: ['user'] }
  return { iss: issuer, aud: issuer, ...what, iat: now, exp: now + 600 }
}

/** A token as the issuer signs it, but for what is given. */
function sign(
  claims: JWTPayload,
  header: object = {},
  key: KeyObject | Uint8Array = keys.privateKey
) {
  return new SignJWT(claims).setProtectedHeader({ ...HEADER, ...header }).sign(key)
}

const issuer = await givenIssuer(t, publish)
const service = await givenResourceServer(t, issuer.url)
const good = claimsFor(issuer.url)

void t.test('/public, without a token: open', async (t) => {
  const answer = await fetch(`${service.url}/public`)
  t.equal(answer.status, 200)
  t.match(await answer.json(), { message: String })
})

void t.test('/protected, with a valid token: tells who came', async (t) => {
  for (const aud of [issuer.url, ['https://api.example', issuer.url]]) {
    const answer = await service.present(await sign({ ...good, aud }))
    t.equal(answer.status, 200)
    t.strictSame(await answer.json(), { sub: 'somebody', scope: 'account', roles: ['user'] })
  }
})

void t.test('/protected, without a Bearer token: 401 that names no error', async (t) => {
  for (const authorization of [undefined, 'Basic c29tZWJvZHk6c2VjcmV0', 'Bearer', 'Bearer ']) {
    const headers = authorization === undefined ? {} : { authorization }
    const answer = await fetch(`${service.url}/protected`, { headers })
    t.equal(answer.status, 401)
    t.equal(answer.headers.get('www-authenticate'), 'Bearer realm="example"')
  }
})

const { exp: _exp, ...immortal } = good
const { sub: _sub, ...nobody } = good
const publicPem = new TextEncoder().encode(await exportSPKI(keys.publicKey))

const refused: [string, string][] = [
  ['garbage', 'garbage'],
  ['three empty parts', '..'],
  ['another audience', await sign({ ...good, aud: 'https://api.example' })],
  ['no audience', await sign({ ...good, aud: [] })],
  ['another issuer', await sign({ ...good, iss: 'http://localhost:1' })],
  ['an ID token', await sign(good, { typ: 'JWT' })],
  ['a token that has expired', await sign({ ...good, exp: good.iat! - 1 })],
  ['a token that never expires', await sign(immortal)],
  ['a token before its time', await sign({ ...good, nbf: good.exp! })],
  ['a token about nobody', await sign(nobody)],
  ['another key under this kid', await sign(good, {}, otherKeys.privateKey)],
  ['a kid that is not published', await sign(good, { kid: 'two' })],
  ['another algorithm by the right key', await sign(good, { alg: 'RS512' })],
  ['alg none', new UnsecuredJWT(good).encode()],
  ['HS256 with the public key', await sign(good, { alg: 'HS256' }, publicPem)],
  ['an unknown critical extension', criticalToken(await sign(good))]
]

/** The same token with a header that nobody signed. */
function criticalToken(token: string): string {
  const header = Buffer.from(JSON.stringify({ ...HEADER, crit: ['x'], x: true }))
  return [header.toString('base64url'), ...token.split('.').slice(1)].join('.')
}

for (const [name, token] of refused) {
  void t.test(`/protected, shown ${name}: 401 invalid_token`, async (t) => {
    const answer = await service.present(token)
    t.equal(answer.status, 401)
    t.equal(answer.headers.get('www-authenticate'), 'Bearer error="invalid_token"')
    t.equal(await answer.text(), '{"error":"Send a valid access token."}', 'one text for all')
  })
}

const faults: Record<string, RequestListener> = {
  'answers 500': (_request, response) => response.writeHead(500).end('{}'),
  'publishes no JSON': (_request, response) => response.end('<html>'),
  'publishes no key set': (_request, response) => response.end('{}'),
  'hangs up': (request) => request.socket.destroy()
}

for (const [name, answer] of Object.entries(faults)) {
  void t.test(`/protected, when the issuer ${name}: 503, never 401`, async (t) => {
    await expectUnavailable(t, (await givenIssuer(t, answer)).url)
  })
}

void t.test('/protected, when nothing listens at the issuer: 503, never 401', async (t) => {
  await expectUnavailable(t, await deadOrigin())
})

async function expectUnavailable(t: Test, url: string): Promise<void> {
  const { present } = await givenResourceServer(t, url)
  const answer = await present(await sign(claimsFor(url)))
  t.equal(answer.status, 503)
  t.equal(answer.headers.get('www-authenticate'), null)
  t.equal(answer.headers.get('retry-after'), '5')
  t.equal((await present()).status, 401, 'a request without a token needs no keys')
}

void t.test(
  'the issuer, gone after the keys were fetched: tokens are still verified',
  async (t) => {
    const leaving = await givenIssuer(t, publish)
    const { present } = await givenResourceServer(t, leaving.url)
    const claims = claimsFor(leaving.url)
    t.equal((await present(await sign(claims))).status, 200)
    leaving.close()
    t.equal((await present(await sign({ ...claims, sub: 'another' }))).status, 200)
    t.equal((await present('garbage')).status, 401)
  }
)

void t.test('ISSUER, given with a trailing slash: means the same issuer', async (t) => {
  const { present } = await givenResourceServer(t, `${issuer.url}/`)
  t.equal((await present(await sign(good))).status, 200)
})

void t.test('SIGTERM, with a connection kept alive: ends at once with 0', async (t) => {
  const { present, stop } = await givenResourceServer(t, issuer.url)
  t.equal((await present(await sign(good))).status, 200)
  t.equal(await stop(), 0)
})
