import { createHash } from 'node:crypto'
import { createLocalJWKSet, jwtVerify, type JSONWebKeySet } from 'jose'
import t from 'tap'
import { ISSUER, startApp } from '../support/app.ts'
import { claimsOf } from '../support/builders.ts'
import { encode, headerOf, macJws, signSegments } from '../support/jws.ts'
import { openKeyRoom } from '../support/key-room.ts'
import { givenAdmin, givenClient, openBrowser, REDIRECT_URI } from '../support/oauth.ts'
import { givenPerson, givenTokens, postAs } from '../support/oauth-grants.ts'

const app = await startApp(t, {
  SIGNING_ALGORITHMS: 'RS256, ES256, EdDSA',
  DYNAMIC_REGISTRATION: 'open'
})
const { ring } = await openKeyRoom(t, app)
const jwks = (await app.get('/.well-known/jwks.json')).json<JSONWebKeySet>()
const person = await givenPerson(app)

/** A service whose tokens are for the issuer, signed by the ring that it chose. */
async function givenServiceToken(alg: 'RS256' | 'ES256' | 'EdDSA') {
  const client = await givenClient(app, {
    grant_types: ['client_credentials'],
    scope: 'robot',
    access_token_signed_response_alg: alg
  })
  const answer = await postAs(app, client, '/oauth/token', { grant_type: 'client_credentials' })
  return answer.json<{ access_token: string }>().access_token
}

const verdict = async (token: string, of = app) => (await of.get('/verify-token', token)).statusCode

void t.test('three rings: each publishes its key with public members only', (t) => {
  const members: Record<string, string[]> = {
    RS256: ['alg', 'e', 'kid', 'kty', 'n', 'use'],
    ES256: ['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y'],
    EdDSA: ['alg', 'crv', 'kid', 'kty', 'use', 'x']
  }
  t.strictSame([...new Set(jwks.keys.map(({ alg }) => alg!))].sort(), Object.keys(members).sort())
  for (const key of jwks.keys) t.strictSame(Object.keys(key).sort(), members[key.alg!], key.alg!)
  t.end()
})

void t.test('the metadata: the rings that there are', async (t) => {
  const metadata = (await app.get('/.well-known/openid-configuration')).json()
  t.same(metadata.id_token_signing_alg_values_supported, ['RS256', 'ES256', 'EdDSA'])
})

void t.test('a client that chose: its tokens are signed so, and verify', async (t) => {
  const keys = createLocalJWKSet(jwks)
  for (const [idAlg, accessAlg, digest] of [
    ['ES256', 'EdDSA', 'sha256'],
    ['EdDSA', 'ES256', 'sha512'],
    ['RS256', 'RS256', 'sha256']
  ] as const) {
    const client = await givenClient(app, {
      id_token_signed_response_alg: idAlg,
      access_token_signed_response_alg: accessAlg
    })
    const tokens = await givenTokens(app, client, person, { scope: 'openid email' })
    t.match(headerOf(tokens.id_token), { alg: idAlg })
    t.match(headerOf(tokens.access_token), { alg: accessAlg, typ: 'at+jwt' })
    const audience = client.id
    t.ok(await jwtVerify(tokens.id_token, keys, { audience, algorithms: [idAlg] }))
    t.ok(await jwtVerify(tokens.access_token, keys, { issuer: ISSUER, algorithms: [accessAlg] }))
    const hash = createHash(digest).update(tokens.access_token).digest()
    const half = hash.subarray(0, hash.length / 2).toString('base64url')
    t.equal(claimsOf(tokens.id_token)['at_hash'], half, 'OpenID Connect Core §3.1.3.6')
    t.equal((await app.get('/oauth/userinfo', tokens.access_token)).statusCode, 200)
    const logout = await app.get(`/oauth/logout?id_token_hint=${tokens.id_token}`)
    t.ok(logout.statusCode < 400, 'a hint of any ring is one')
  }
})

void t.test('who did not choose: RS256, and so is every login', async (t) => {
  const tokens = await givenTokens(app, await givenClient(app), person)
  t.match(headerOf(tokens.id_token), { alg: 'RS256' })
  t.match(headerOf(tokens.access_token), { alg: 'RS256' })
  t.match(headerOf(await givenAdmin(app)), { alg: 'RS256' })
})

void t.test(
  'our keys under an algorithm that is another ring’s: refused (RFC 8725 §3.1)',
  async (t) => {
    const good = await givenServiceToken('ES256')
    t.equal(await verdict(good), 200)
    const [, payload = '', signature = ''] = good.split('.')
    const { kid, privateKey, publicKey } = ring.signingKey('ES256')
    const rsa = ring.signingKey('RS256')
    const raw = { key: privateKey, dsaEncoding: 'ieee-p1363' as const }
    const header = (alg: string, of: string = kid) => encode({ alg, typ: 'at+jwt', kid: of })
    const pem = String(publicKey.export({ type: 'spki', format: 'pem' }))
    const claims = claimsOf(good)
    t.equal(await verdict(signSegments(header('ES256'), payload, raw)), 200, 'so that these count')
    const forged = {
      'RS256 with the EC key': signSegments(header('RS256'), payload, raw),
      'EdDSA with the EC key': signSegments(header('EdDSA'), payload, raw),
      'ES256 by its DER form': signSegments(header('ES256'), payload, privateKey),
      'the RSA key as ES256': signSegments(header('ES256', rsa.kid), payload, rsa.privateKey),
      'the EC key under the RSA kid': signSegments(header('ES256', rsa.kid), payload, raw),
      'PS256 with the RSA key': signSegments(header('PS256', rsa.kid), payload, rsa.privateKey),
      'HS256 with the public key': macJws({ alg: 'HS256', typ: 'at+jwt', kid }, claims, pem),
      'alg none': `${header('none')}.${payload}.`,
      'an empty signature': `${header('ES256')}.${payload}.`,
      'r and s that are zero': `${header('ES256')}.${payload}.${Buffer.alloc(64).toString('base64url')}`,
      'its signature under another header': `${header('EdDSA')}.${payload}.${signature}`
    }
    for (const [name, token] of Object.entries(forged)) t.equal(await verdict(token), 401, name)
    t.equal(await verdict(good), 200)
  }
)

void t.test(
  'a server without the other rings: publishes, says and takes RS256 alone',
  async (t) => {
    const tokens = { es: await givenServiceToken('ES256'), rs: await givenServiceToken('RS256') }
    const admin = await givenAdmin(app)
    const plain = await startApp(t, { ...app.env, SIGNING_ALGORITHMS: 'RS256' })
    const { keys } = (await plain.get('/.well-known/jwks.json')).json<JSONWebKeySet>()
    t.strictSame([...new Set(keys.map(({ alg }) => alg))], ['RS256'])
    const metadata = (await plain.get('/.well-known/openid-configuration')).json()
    t.same(metadata.id_token_signing_alg_values_supported, ['RS256'])
    t.equal(await verdict(tokens.es, plain), 401)
    t.equal(await verdict(tokens.rs, plain), 200)
    const body = { client_name: 'Late', redirect_uris: [REDIRECT_URI] }
    const asked = { ...body, access_token_signed_response_alg: 'ES256' }
    const headers = { authorization: `Bearer ${admin}` }
    const refused = await plain.post('/admin/clients', asked, headers)
    t.match(refused.json(), {
      code: 'validation_failed',
      detail: /access_token_signed_response_alg/
    })
    t.equal((await plain.post('/admin/clients', body, headers)).statusCode, 201)
    const client = await givenClient(app, { id_token_signed_response_alg: 'ES256' })
    const browser = openBrowser(plain)
    await browser.login(person.user)
    const { id_token: token } = await givenTokens(plain, client, { user: person.user, browser })
    t.match(headerOf(token), { alg: 'RS256' }, 'who chose before is served all the same')
    const renamed = await plain.app.inject({
      method: 'PUT',
      url: `/admin/clients/${client.id}`,
      headers,
      body: { client_name: 'Renamed' }
    })
    t.match(renamed.json(), { client: { id_token_signed_response_alg: 'ES256' } })
  }
)

void t.test('dynamic registration: a ring that there is, or a refusal', async (t) => {
  const register = (alg: string) =>
    app.post('/oauth/register', {
      redirect_uris: [REDIRECT_URI],
      id_token_signed_response_alg: alg
    })
  const told = (await register('ES256')).json()
  t.match(told, { id_token_signed_response_alg: 'ES256' })
  const tokens = await givenTokens(
    app,
    { id: told.client_id, secret: told.client_secret },
    person,
    { scope: 'openid' }
  )
  t.match(headerOf(tokens.id_token), { alg: 'ES256' })
  t.match(headerOf(tokens.access_token), { alg: 'RS256' }, 'what services verify, an operator says')
  for (const alg of ['none', 'HS256', 'PS256', 'es256']) {
    const refused = await register(alg)
    t.match(refused.json(), { error: 'invalid_client_metadata' }, alg)
  }
  const change = await app.app.inject({
    method: 'PUT',
    url: `/oauth/register/${told.client_id as string}`,
    headers: { authorization: `Bearer ${told.registration_access_token as string}` },
    body: { client_id: told.client_id, redirect_uris: [REDIRECT_URI] }
  })
  t.match(change.json(), { id_token_signed_response_alg: 'RS256' }, 'RFC 7592 §2.2: left out')
})
