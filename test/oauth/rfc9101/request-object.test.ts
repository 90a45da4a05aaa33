import t from 'tap'
import { ISSUER, startApp } from '../../support/app.ts'
import { clientAssertion, givenKey, nowSeconds, requestObject } from '../../support/client-keys.ts'
import { encode } from '../../support/jws.ts'
import { authorizeUrl, givenClient, pkcePair, REDIRECT_URI } from '../../support/oauth.ts'
import { givenPerson, outcomeOf } from '../../support/oauth-grants.ts'

const app = await startApp(t)
const key = await givenKey()
const stranger = await givenKey()
const jwks = { keys: [key.jwk] }
const client = await givenClient(app, { jwks, first_party: true })
const keyless = await givenClient(app, { first_party: true })
const { browser } = await givenPerson(app)
const { challenge } = pkcePair()
const ASKED = {
  response_type: 'code',
  redirect_uri: REDIRECT_URI,
  scope: 'openid',
  state: 'inside',
  code_challenge: challenge,
  code_challenge_method: 'S256'
}

/** The URL holds what OAuth requires of it and the object. */
async function show(request: string, beside: Record<string, string> = {}) {
  return outcomeOf(browser, authorizeUrl(client, { request, ...beside }))
}

void t.test('a signed object: its parameters are the request (§5)', async (t) => {
  const { told } = await show(await requestObject(app, client, key, ASKED))
  t.match(told, { code: String, state: 'inside', iss: ISSUER })
})

void t.test('parameters beside the object: count for nothing (§6.3)', async (t) => {
  const beside = { scope: 'openid email', state: 'outside', prompt: 'none login', nonce: 'outside' }
  const { told } = await show(await requestObject(app, client, key, ASKED), beside)
  t.match(told, { code: String, state: 'inside' })
  const [row] = await app.sql<{ scope: string; nonce: string | null }>(
    'SELECT scope, nonce FROM authorization_code ORDER BY created_at DESC LIMIT 1'
  )
  t.same(row, { scope: 'openid', nonce: null })
})

void t.test('numbers and objects inside: as JSON has them (§4)', async (t) => {
  const claims = { userinfo: { email: null } }
  const object = await requestObject(app, client, key, { ...ASKED, max_age: 10_000, claims })
  t.ok((await show(object)).told?.['code'])
})

const WRONG: Record<string, () => Promise<string>> = {
  'a foreign key': async () => requestObject(app, client, stranger, ASKED),
  'no signature': () =>
    Promise.resolve(
      `${encode({ alg: 'none' })}.${encode({ iss: client.id, aud: ISSUER, ...ASKED })}.`
    ),
  'another audience': async () => requestObject(app, client, key, { ...ASKED, aud: 'https://x' }),
  'another issuer': async () => requestObject(app, client, key, { ...ASKED, iss: keyless.id }),
  'another client_id': async () =>
    requestObject(app, client, key, { ...ASKED, client_id: keyless.id }),
  'an end in the past': async () =>
    requestObject(app, client, key, { ...ASKED, exp: nowSeconds(app) - 60 }),
  'a beginning in the future': async () =>
    requestObject(app, client, key, { ...ASKED, nbf: nowSeconds(app) + 60 }),
  'an object inside': async () => requestObject(app, client, key, { ...ASKED, request: 'x' }),
  'a reference inside': async () => requestObject(app, client, key, { ...ASKED, request_uri: 'x' }),
  'another type of JWT': async () =>
    requestObject(app, client, key, ASKED, { typ: 'client-authentication+jwt' }),
  'an unknown critical header': async () =>
    requestObject(app, client, key, ASKED, { crit: ['x'], x: 1 }),
  'a parameter of another type': async () =>
    requestObject(app, client, key, { ...ASKED, scope: ['openid'] }),
  'nothing of a JWT': () => Promise.resolve('x'),
  'a changed payload': async () => {
    const [header, , signature] = (await requestObject(app, client, key, ASKED)).split('.')
    const payload = encode({ iss: client.id, aud: ISSUER, ...ASKED, scope: 'openid email' })
    return `${header ?? ''}.${payload}.${signature ?? ''}`
  }
}

for (const [what, make] of Object.entries(WRONG)) {
  void t.test(
    `an object with ${what}: invalid_request_object, told to the client (§6)`,
    async (t) => {
      const { status, told } = await show(await make())
      t.equal(status, 303)
      t.match(told, { error: 'invalid_request_object', state: 'af0ifjsldkj', iss: ISSUER })
      t.notOk('code' in (told ?? {}))
    }
  )
}

void t.test(
  "a wrong object, and a destination beside it that is no one's: our own page (§10.2)",
  async (t) => {
    for (const redirect_uri of ['https://evil.example/', '']) {
      const { status, location } = await show('x', { redirect_uri })
      t.equal(status, 400)
      t.equal(location, '')
    }
  }
)

void t.test('a good object with a foreign destination inside: our own page (§10.2)', async (t) => {
  const object = await requestObject(app, client, key, {
    ...ASKED,
    redirect_uri: 'https://evil.example/'
  })
  const { status, location } = await show(object)
  t.equal(status, 400)
  t.equal(location, '')
})

void t.test('a client without keys: invalid_request_object (§6.1)', async (t) => {
  const request = await requestObject(app, keyless, key, ASKED)
  const { told } = await outcomeOf(browser, authorizeUrl(keyless, { request }))
  t.match(told, { error: 'invalid_request_object' })
})

void t.test("another client's object: invalid_request_object (§10.3)", async (t) => {
  const other = await givenClient(app, {
    jwks: { keys: [stranger.jwk] },
    first_party: true
  })
  const { told } = await show(await requestObject(app, other, stranger, ASKED))
  t.match(told, { error: 'invalid_request_object' })
})

void t.test(
  'a request object as client assertion, and the reverse: neither is taken for the other (§10.8)',
  async (t) => {
    const signer = await givenClient(app, { jwks, token_endpoint_auth_method: 'private_key_jwt' })
    const object = await requestObject(app, signer, key, {
      ...ASKED,
      sub: signer.id,
      jti: 'j-12345678'
    })
    const answer = await app.app.inject({
      method: 'POST',
      url: '/oauth/introspect',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      payload: new URLSearchParams({
        token: 'x',
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: object
      }).toString()
    })
    t.equal(answer.json().error, 'invalid_client')
    const request = await clientAssertion(app, signer, key)
    const { told } = await outcomeOf(browser, authorizeUrl(signer, { request, redirect_uri: '' }))
    t.equal(told, null)
  }
)

void t.test('the metadata: signed objects by value, no none (§10.5)', async (t) => {
  const metadata = (await app.get('/.well-known/openid-configuration')).json()
  t.equal(metadata.request_parameter_supported, true)
  t.equal(metadata.request_uri_parameter_supported, false)
  t.notOk(metadata.request_object_signing_alg_values_supported.includes('none'))
})
