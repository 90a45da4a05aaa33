import { constants, createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { ISSUER, startApp } from '../support/app.ts'
import { claimsOf, givenSession } from '../support/builders.ts'
import { encode, macJws, signJws, signSegments, withStrayBit } from '../support/jws.ts'
import { openKeyRoom } from '../support/key-room.ts'

const DOORS = ['/auth/verify-token', '/verify-token', '/auth/me']

const app = await startApp(t)
const { ring } = await openKeyRoom(t, app)
const { accessToken, sessionId } = await givenSession(app)

const { kid, privateKey: ownKey, publicJwk } = ring.signingKey()
if (publicJwk.kty !== 'RSA') throw new Error('RS256 is the default.')
const modulus = publicJwk.n
const header = { alg: 'RS256', typ: 'at+jwt', kid }
const claims = claimsOf(accessToken)
const [goodHeader, goodPayload, goodSignature] = accessToken.split('.') as [string, string, string]
/** What a thief can have: a key pair of their own, and a certificate over it. */
const { privateKey: foreignKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 })
const foreignJwk = createPublicKey(foreignKey).export({ format: 'jwk' })

/** One forgery for each of the named values. */
function forgeEach<T>(
  values: Record<string, T>,
  forge: (value: T) => string
): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, forge(value)]))
}

async function isRefused(t: Test, name: string, token: string): Promise<void> {
  for (const door of DOORS) {
    const answer = await app.get(door, token)
    const { 'content-type': type, 'www-authenticate': challenge } = answer.headers
    t.strictSame(
      [answer.statusCode, type, challenge, answer.json().code],
      [401, 'application/problem+json', 'Bearer error="invalid_token"', 'invalid_access_token'],
      `${name} at ${door}`
    )
  }
}

/** Refuses every one of them, and still takes the token that they were made from. */
async function refuses(t: Test, forgeries: Record<string, string>): Promise<void> {
  await isTaken(t, accessToken)
  for (const [name, token] of Object.entries(forgeries)) await isRefused(t, name, token)
  await isTaken(t, accessToken)
  const [session] = await app.sql('SELECT generation, revoked_at FROM session WHERE id = $1', [
    sessionId
  ])
  t.strictSame(session, { generation: 0, revoked_at: null }, 'and the session is untouched')
}

async function isTaken(t: Test, token: string): Promise<void> {
  for (const door of DOORS) t.equal((await app.get(door, token)).statusCode, 200, `good at ${door}`)
}

void t.test('our own key and claims, signed by the test: taken, so that what follows counts', (t) =>
  isTaken(t, signJws(header, claims, ownKey))
)

void t.test('the public key as an HMAC secret: refused (RFC 8725 §2.1)', (t) => {
  const publicKey = createPublicKey(ownKey)
  const secrets = {
    'SPKI PEM': publicKey.export({ type: 'spki', format: 'pem' }),
    'trimmed PEM': String(publicKey.export({ type: 'spki', format: 'pem' })).trim(),
    'PKCS#1 PEM': publicKey.export({ type: 'pkcs1', format: 'pem' }),
    'SPKI DER': publicKey.export({ type: 'spki', format: 'der' }),
    'PKCS#1 DER': publicKey.export({ type: 'pkcs1', format: 'der' }),
    'n as text': modulus,
    'n as bytes': Buffer.from(modulus, 'base64url'),
    JWK: JSON.stringify(publicJwk),
    nothing: ''
  }
  return refuses(
    t,
    forgeEach(secrets, (secret) => macJws({ ...header, alg: 'HS256' }, claims, secret))
  )
})

void t.test('alg none, however it is spelt: refused', async (t) => {
  const unsigned = (alg: string) => `${encode({ ...header, alg })}.${goodPayload}`
  for (const alg of ['none', 'None', 'NONE', 'nOnE', 'none ', '']) {
    await refuses(t, {
      [`"${alg}", empty signature`]: `${unsigned(alg)}.`,
      [`"${alg}", no signature`]: unsigned(alg),
      [`"${alg}", the old signature`]: `${unsigned(alg)}.${goodSignature}`
    })
  }
})

void t.test('another algorithm under our own key: refused, the algorithm is the key’s', (t) => {
  const as = (alg: string) => ({ ...header, alg })
  const pss = {
    key: ownKey,
    padding: constants.RSA_PKCS1_PSS_PADDING,
    saltLength: constants.RSA_PSS_SALTLEN_DIGEST
  }
  return refuses(t, {
    RS384: signJws(as('RS384'), claims, ownKey, 'sha384'),
    RS512: signJws(as('RS512'), claims, ownKey, 'sha512'),
    PS256: signJws(as('PS256'), claims, pss),
    PS384: signJws(as('PS384'), claims, pss, 'sha384'),
    'RS256 that is PS256': signJws(header, claims, pss),
    'RS256 that is RS384': signJws(header, claims, ownKey, 'sha384'),
    rs256: signJws(as('rs256'), claims, ownKey),
    RS1: signJws(as('RS1'), claims, ownKey, 'sha1'),
    'no alg': signJws({ typ: 'at+jwt', kid }, claims, ownKey),
    'alg is a list': signJws({ ...header, alg: ['RS256'] }, claims, ownKey)
  })
})

void t.test('a key that is not in the ring, under any kid: refused', (t) => {
  const kids = {
    'our kid': kid,
    'its own kid': 'foreign',
    'no kid': undefined,
    'empty kid': '',
    'a path': '../../../../dev/null',
    'a URL': 'http://127.0.0.1/jwks.json',
    SQL: "' OR '1'='1",
    prototype: '__proto__',
    'a number': 0,
    'a list': [kid],
    'an object': { kid },
    null: null
  }
  return refuses(
    t,
    forgeEach<unknown>(kids, (kid) => signJws({ ...header, kid }, claims, foreignKey))
  )
})

void t.test('our key under a kid that is not its own: refused', (t) =>
  refuses(t, {
    'no kid': signJws({ alg: 'RS256', typ: 'at+jwt' }, claims, ownKey),
    'foreign kid': signJws({ ...header, kid: 'foreign' }, claims, ownKey),
    'upper case': signJws({ ...header, kid: kid.toUpperCase() }, claims, ownKey),
    'with a blank': signJws({ ...header, kid: `${kid} ` }, claims, ownKey)
  })
)

void t.test('a key that the token brings along: refused, and nothing is fetched', async (t) => {
  let requests = 0
  const pem = foreignKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  const x509 = execFileSync(
    'openssl',
    ['req', '-x509', '-key', 'key.pem', '-subj', '/CN=localhost', '-days', '1'],
    { cwd: t.testdir({ 'key.pem': pem }) }
  ).toString()
  const der = new X509Certificate(x509).raw.toString('base64')
  const server = createServer((request, response) => {
    requests += 1
    response.end(
      request.url === '/x509'
        ? x509
        : JSON.stringify({ keys: [{ ...foreignJwk, kid, alg: 'RS256' }] })
    )
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const lures = {
    jku: { jku: `${url}/jwks.json` },
    x5u: { x5u: `${url}/x509` },
    jwk: { jwk: foreignJwk },
    'jwk with our kid': { jwk: { ...foreignJwk, kid, alg: 'RS256' } },
    x5c: { x5c: [der] },
    all: { jku: `${url}/jwks.json`, x5u: `${url}/x509`, jwk: foreignJwk, x5c: [der] }
  }
  for (const id of [kid, undefined, `${url}/jwks.json`]) {
    const forge = (lure: object) => signJws({ ...header, ...lure, kid: id }, claims, foreignKey)
    await refuses(t, forgeEach<object>(lures, forge))
  }
  t.equal(requests, 0)
  t.equal((await fetch(`${url}/jwks.json`)).status, 200, 'although the server was there')
  const harmless = signJws({ ...header, ...lures.all }, claims, ownKey)
  t.equal(
    (await app.get('/verify-token', harmless)).statusCode,
    200,
    'ignored beside our signature'
  )
  t.equal(requests, 1)
})

void t.test('crit that we do not know, signed by our key: refused (RFC 7515 §4.1.11)', (t) => {
  const crits = {
    unknown: { crit: ['http://example.com/rule'], 'http://example.com/rule': true },
    exp: { crit: ['exp'], exp: claims['exp'] },
    'not there': { crit: ['missing'] },
    empty: { crit: [] },
    'no list': { crit: 'b64' },
    'unencoded payload': { crit: ['b64'], b64: false }
  }
  return refuses(
    t,
    forgeEach<object>(crits, (crit) => signJws({ ...header, ...crit }, claims, ownKey))
  )
})

void t.test('another kind of JWT, signed by our key: refused (RFC 9068 §4)', async (t) => {
  const typed = (typ: unknown) => signJws({ ...header, typ }, claims, ownKey)
  await refuses(t, {
    'no typ': signJws({ alg: 'RS256', kid }, claims, ownKey),
    JWT: typed('JWT'),
    empty: typed(''),
    'logout+jwt': typed('logout+jwt'),
    'dpop+jwt': typed('dpop+jwt'),
    'id token': typed('id+jwt'),
    'at+jwt and more': typed('at+jwt+x'),
    'text/at+jwt': typed('text/at+jwt'),
    'a list': typed(['at+jwt'])
  })
  // RFC 7515 §4.1.9: a media type, compared without case, `application/` may be left out.
  await isTaken(t, typed('application/at+jwt'))
  await isTaken(t, typed('AT+JWT'))
})

void t.test('claims that are not for us, signed by our key: refused', (t) => {
  const now = Math.floor(app.app.clock.now().getTime() / 1_000)
  const wrong: Record<string, object> = {
    'foreign iss': { iss: 'https://evil.example' },
    'iss with a slash': { iss: `${ISSUER}/` },
    'iss in upper case': { iss: ISSUER.toUpperCase() },
    'a list as iss': { iss: [ISSUER] },
    'foreign aud': { aud: 'https://evil.example' },
    'aud with a slash': { aud: `${ISSUER}/` },
    'foreign audiences': { aud: ['https://evil.example', `${ISSUER}.evil.example`] },
    'no audience': { aud: [] },
    'expired now': { exp: now },
    'expired long ago': { exp: 1 },
    'exp as text': { exp: String(now + 600) },
    'not yet': { nbf: now + 300 }
  }
  for (const claim of ['iss', 'aud', 'sub', 'sid', 'client_id', 'iat', 'exp', 'jti']) {
    wrong[`no ${claim}`] = { [claim]: undefined }
  }
  return refuses(
    t,
    forgeEach(wrong, (change) => signJws(header, { ...claims, ...change }, ownKey))
  )
})

void t.test('a good token, changed anywhere: refused', (t) => {
  const flipped = (text: string, at: number) =>
    text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1)
  const raised = encode({ ...claims, roles: ['admin'] })
  return refuses(t, {
    'another header': `${encode({ ...header, extra: 1 })}.${goodPayload}.${goodSignature}`,
    'the header in another order': `${encode({ kid, typ: 'at+jwt', alg: 'RS256' })}.${goodPayload}.${goodSignature}`,
    'more roles': `${goodHeader}.${raised}.${goodSignature}`,
    'a longer life': `${goodHeader}.${encode({ ...claims, exp: 9_999_999_999 })}.${goodSignature}`,
    'a bit of the payload': `${goodHeader}.${flipped(goodPayload, 40)}.${goodSignature}`,
    'a bit of the signature': `${goodHeader}.${goodPayload}.${flipped(goodSignature, 40)}`,
    'one character less': accessToken.slice(0, -1),
    'no signature': `${goodHeader}.${goodPayload}`,
    'an empty signature': `${goodHeader}.${goodPayload}.`,
    'only the header': goodHeader,
    'no header': `.${goodPayload}.${goodSignature}`,
    'four segments': `${accessToken}.${goodSignature}`,
    'five segments, as a JWE has': `${goodHeader}.${goodPayload}.${goodPayload}.${goodPayload}.${goodSignature}`,
    'a dot more': `${accessToken}.`,
    'a dot in front': `.${accessToken}`
  })
})

void t.test('a good token in another spelling: refused, one token is one string', (t) => {
  // As many blanks of JSON as make a segment whose last character has unused bits.
  const roomy = (json: string) => {
    const text = Buffer.byteLength(json) % 3 === 0 ? ` ${json}` : json
    return encode(text)
  }
  const header64 = roomy(JSON.stringify(header))
  const payload64 = roomy(JSON.stringify(claims))
  const classic = (segment: string) => Buffer.from(segment, 'base64url').toString('base64')
  return refuses(t, {
    padded: `${accessToken}==`,
    'stray bits in the signature': `${goodHeader}.${goodPayload}.${withStrayBit(goodSignature)}`,
    'stray bits in the header, signed': signSegments(withStrayBit(header64), payload64, ownKey),
    'stray bits in the payload, signed': signSegments(header64, withStrayBit(payload64), ownKey),
    'padding in the payload, signed': signSegments(header64, `${payload64}=`, ownKey),
    'base64 instead of base64url': `${goodHeader}.${goodPayload}.${classic(goodSignature)}`,
    'percent-encoded': accessToken.replaceAll('.', '%2E'),
    'a header that is a list, signed': signSegments(encode('[]'), goodPayload, ownKey),
    'a header that is null, signed': signSegments(encode('null'), goodPayload, ownKey),
    'a payload that is a list, signed': signSegments(goodHeader, encode('[]'), ownKey),
    'a payload that is no JSON, signed': signSegments(goodHeader, encode('{'), ownKey),
    'a payload that is no UTF-8, signed': signSegments(goodHeader, '_w', ownKey)
  })
})
