import { exportJWK, generateKeyPair, SignJWT, type CryptoKey } from 'jose'
import t from 'tap'
import { ISSUER, startApp } from '../../support/app.ts'
import { BASIC, registerClients } from '../../support/client-registration.ts'
import { startNeighbour } from '../../support/neighbour.ts'
import { basic, givenCode, postForm, REDIRECT_URI } from '../../support/oauth.ts'

const neighbour = await startNeighbour(t)
const app = await startApp(t, { ...neighbour.env, DYNAMIC_REGISTRATION: 'open' })
const register = registerClients(app)

void t.test('private_key_jwt by jwks_uri: goes on after the client has rotated', async (t) => {
  const jwks_uri = `${neighbour.url}/jwks`
  const answer = await register({
    ...BASIC,
    grant_types: ['authorization_code', 'refresh_token'],
    token_endpoint_auth_method: 'private_key_jwt',
    token_endpoint_auth_signing_alg: 'ES256',
    jwks_uri
  })
  t.equal(answer.statusCode, 201, answer.body)
  const id = answer.json().client_id as string
  const authenticate = async (kid: string, alg: string, key: CryptoKey) => ({
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: await new SignJWT({})
      .setProtectedHeader({ alg, kid })
      .setIssuer(id)
      .setSubject(id)
      .setAudience(ISSUER)
      .setJti(crypto.randomUUID())
      .setIssuedAt()
      .setExpirationTime(new Date(app.app.clock.now().getTime() + 60_000))
      .sign(key)
  })
  const publish = async (kid: string, alg: string) => {
    const { publicKey, privateKey } = await generateKeyPair(alg)
    neighbour.pages.set('/jwks', { body: { keys: [{ ...(await exportJWK(publicKey)), kid }] } })
    return privateKey
  }
  const first = await publish('first', 'ES256')
  const { code, verifier } = await givenCode(
    app,
    { id, secret: null },
    { scope: 'openid offline_access' }
  )
  const tokens = await postForm(app, '/oauth/token', {
    grant_type: 'authorization_code',
    redirect_uri: REDIRECT_URI,
    code,
    code_verifier: verifier,
    ...(await authenticate('first', 'ES256', first))
  })
  t.equal(tokens.statusCode, 200, tokens.body)
  const second = await publish('second', 'ES256')
  const refresh = async (kid: string, alg: string, key: CryptoKey) =>
    postForm(app, '/oauth/token', {
      grant_type: 'refresh_token',
      refresh_token: tokens.json().refresh_token,
      ...(await authenticate(kid, alg, key))
    })
  const many = await Promise.all(
    Array.from({ length: 10 }, () => refresh('second', 'ES256', second))
  )
  t.same(new Set(many.map(({ statusCode }) => statusCode)), new Set([200]), 'at once, for all')
  t.equal(neighbour.asked('/jwks'), 2)
  await refresh('made-up', 'ES256', second)
  t.equal(neighbour.asked('/jwks'), 2, 'who invents key ids makes us ask nobody')
  const rsa = await publish('third', 'RS256')
  await app.moveTime(120)
  t.equal((await refresh('third', 'RS256', rsa)).statusCode, 401, 'it registered ES256')

  const fourth = await publish('fourth', 'ES256')
  const status = async () => {
    const form = { token: 'any', ...(await authenticate('fourth', 'ES256', fourth)) }
    return (await postForm(app, '/oauth/revoke', form)).statusCode
  }
  await app.moveTime(240)
  t.equal(await status(), 200)
  neighbour.pages.set('/jwks', { status: 500, body: 'out of order' })
  const asked = neighbour.asked('/jwks')
  await app.moveTime(240 + 1_800)
  t.equal(await status(), 200, 'the keys of half an hour ago still do')
  await app.moveTime(240 + 3_700)
  t.equal(await status(), 503, 'not for longer than an hour; and nobody is called a liar')
  t.equal(await status(), 503)
  t.equal(neighbour.asked('/jwks'), asked + 2, 'who failed is left alone for half a minute')
  await publish('fifth', 'ES256')
  await app.moveTime(240 + 3_740)
  t.equal(await status(), 401, 'now it is known')
  await app.moveTime(0)
})

void t.test('a request object by another algorithm than the registered one: refused', async (t) => {
  const { publicKey, privateKey } = await generateKeyPair('ES256')
  const told = (
    await register({
      ...BASIC,
      jwks: { keys: [await exportJWK(publicKey), { kty: 'future', crv: 'X' }] },
      request_object_signing_alg: 'RS256'
    })
  ).json()
  t.equal(told.jwks.keys.length, 1, 'a key of an unknown kind is passed over')
  const request = await new SignJWT({ redirect_uri: REDIRECT_URI, response_type: 'code' })
    .setProtectedHeader({ alg: 'ES256' })
    .setIssuer(told.client_id)
    .setAudience(ISSUER)
    .sign(privateKey)
  const client = { id: told.client_id, secret: told.client_secret }
  const answer = await postForm(app, '/oauth/par', { request }, basic(client))
  t.equal(answer.json().error, 'invalid_request_object')
})
