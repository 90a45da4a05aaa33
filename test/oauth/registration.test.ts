import { exportJWK, generateKeyPair, SignJWT, type CryptoKey } from 'jose'
import t from 'tap'
import { ISSUER, startApp } from '../support/app.ts'
import { claimsOf } from '../support/builders.ts'
import { startNeighbour } from '../support/neighbour.ts'
import { basic, givenCode, postForm, REDIRECT_URI, redeem } from '../support/oauth.ts'

const neighbour = await startNeighbour(t)
const app = await startApp(t, { ...neighbour.env, DYNAMIC_REGISTRATION: 'open' })
const register = (body: unknown) => app.post('/oauth/register', body as object)
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
const BASIC = { redirect_uris: [REDIRECT_URI] }

void t.test(
  'a client, registered with nothing but a redirect URI: gets the defaults and works',
  async (t) => {
    const answer = await register({ ...BASIC, software_id: 'unknown here', client_name: null })
    t.equal(answer.statusCode, 201, answer.body)
    t.equal(answer.headers['cache-control'], 'no-store')
    const told = answer.json()
    t.match(told, {
      redirect_uris: [REDIRECT_URI],
      grant_types: ['authorization_code'],
      response_types: ['code'],
      token_endpoint_auth_method: 'client_secret_basic',
      application_type: 'web',
      client_name: 'shop.example',
      client_secret_expires_at: 0,
      id_token_signed_response_alg: 'RS256',
      registration_client_uri: `${ISSUER}/oauth/register/${told.client_id as string}`
    })
    t.type(told.client_id_issued_at, 'number')
    t.notOk('software_id' in told || 'first_party' in told)
    const client = { id: told.client_id, secret: told.client_secret }
    const grant = await givenCode(app, client)
    const tokens = (await redeem(app, client, grant)).json()
    t.match(claimsOf(tokens.access_token), { client_id: client.id })
    t.notOk('refresh_token' in tokens, 'it did not register for one')
    const dump = JSON.stringify(await app.sql('SELECT * FROM client, client_secret'))
    for (const secret of [told.client_secret, told.registration_access_token]) {
      t.notOk(dump.includes(secret), 'only hashes are kept')
    }
    const events = await app.sql(
      "SELECT details FROM audit_event WHERE type = 'client.created' AND client_id = $1",
      [client.id]
    )
    t.same(events, [{ details: { registration: 'open' } }])
  }
)

void t.test('everything that the suites register: told again, and never fetched', async (t) => {
  const links = ['client_uri', 'logo_uri', 'policy_uri', 'tos_uri'].map((name) => [
    name,
    `${neighbour.url}/${name}`
  ])
  const metadata = {
    redirect_uris: ['https://shop.example/callback?foo=bar'],
    ...Object.fromEntries(links),
    contacts: ['ops@shop.example'],
    client_name: 'Shop',
    grant_types: ['authorization_code', 'refresh_token'],
    token_endpoint_auth_method: 'client_secret_post',
    subject_type: 'pairwise',
    post_logout_redirect_uris: ['https://shop.example/bye'],
    backchannel_logout_uri: `${neighbour.url}/logout`,
    request_object_signing_alg: 'RS256'
  }
  const answer = await register(metadata)
  t.equal(answer.statusCode, 201, answer.body)
  t.match(answer.json(), metadata)
  t.equal(neighbour.seen.length, 0)
})

void t.test('what no client may be: refused by name, and nothing is kept', async (t) => {
  const [before] = await app.sql('SELECT count(*)::int AS n FROM client')
  const { privateKey } = await generateKeyPair('RS256', { extractable: true })
  const redirect = 'invalid_redirect_uri'
  const metadata = 'invalid_client_metadata'
  const wrong: [string, unknown][] = [
    [redirect, {}],
    [redirect, { redirect_uris: [] }],
    [redirect, { redirect_uris: ['https://shop.example/cb#fragment'] }],
    [redirect, { redirect_uris: ['http://shop.example/cb'] }],
    [redirect, { redirect_uris: ['https://*.example/cb'] }],
    [redirect, { redirect_uris: ['javascript:alert(1)'] }],
    [redirect, { redirect_uris: ['com.example.app:/cb'] }],
    [redirect, { redirect_uris: REDIRECT_URI }],
    [metadata, []],
    [metadata, { ...BASIC, client_name: 'Latch\u202ekey' }],
    [metadata, { ...BASIC, response_types: ['token'] }],
    [metadata, { ...BASIC, grant_types: ['implicit'] }],
    [metadata, { ...BASIC, grant_types: ['client_credentials'] }],
    [metadata, { ...BASIC, token_endpoint_auth_method: 'client_secret_jwt' }],
    [metadata, { ...BASIC, token_endpoint_auth_method: 'private_key_jwt' }],
    [metadata, { ...BASIC, id_token_signed_response_alg: 'none' }],
    [metadata, { ...BASIC, userinfo_signed_response_alg: 'none' }],
    [metadata, { ...BASIC, userinfo_signed_response_alg: 'ES256' }],
    [metadata, { ...BASIC, id_token_encrypted_response_alg: 'RSA-OAEP' }],
    [metadata, { ...BASIC, scope: 'admin' }],
    [metadata, { ...BASIC, jwks: { keys: [await exportJWK(privateKey)] } }],
    [metadata, { ...BASIC, jwks: { keys: [] }, jwks_uri: `${neighbour.url}/jwks` }],
    [metadata, { ...BASIC, logo_uri: 'javascript:alert(1)' }],
    [
      metadata,
      { subject_type: 'pairwise', redirect_uris: [REDIRECT_URI, 'https://other.example/cb'] }
    ]
  ]
  for (const [error, body] of wrong) {
    const answer = await register(body)
    t.equal(answer.statusCode, 400, JSON.stringify(body))
    t.equal(answer.json().error, error, `${JSON.stringify(body)} ${answer.body}`)
  }
  const form = await postForm(app, '/oauth/register', { redirect_uris: REDIRECT_URI })
  t.equal(form.json().error, metadata)
  const [after] = await app.sql('SELECT count(*)::int AS n FROM client')
  t.same(after, before)
})

void t.test('privileges in a body: passed over', async (t) => {
  const answer = await register({
    ...BASIC,
    first_party: true,
    resource_server: true,
    shows_roles: true,
    audiences: ['https://api.example'],
    client_id: 'my-own-id'
  })
  const { client_id: id } = answer.json()
  t.not(id, 'my-own-id')
  const [row] = await app.sql(
    'SELECT is_first_party, is_resource_server, shows_roles, audiences FROM client WHERE id = $1',
    [id]
  )
  t.same(row, {
    is_first_party: false,
    is_resource_server: false,
    shows_roles: false,
    audiences: []
  })
})

void t.test(
  'a native application: a scheme of its own, and any port of this machine',
  async (t) => {
    const answer = await register({
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      redirect_uris: ['com.example.app:/cb', 'http://127.0.0.1/cb']
    })
    t.equal(answer.statusCode, 201, answer.body)
    t.notOk('client_secret' in answer.json())
  }
)

void t.test(
  'sector_identifier_uri: the sector if it lists every redirect URI, else refused',
  async (t) => {
    const other = 'https://other.example/cb'
    const sector_identifier_uri = `${neighbour.url}/sector`
    const body = {
      subject_type: 'pairwise',
      redirect_uris: [REDIRECT_URI, other],
      sector_identifier_uri
    }
    for (const page of [{ body: [REDIRECT_URI] }, { body: {} }, { status: 500, body: [] }]) {
      neighbour.pages.set('/sector', page)
      t.equal((await register(body)).json().error, 'invalid_client_metadata')
    }
    neighbour.pages.set('/sector', { body: [REDIRECT_URI, other] })
    const answer = await register(body)
    t.match(answer.json(), { sector_identifier_uri, subject_type: 'pairwise' })
    const [row] = await app.sql('SELECT sector_identifier FROM client WHERE id = $1', [
      answer.json().client_id
    ])
    t.same(row, { sector_identifier: new URL(neighbour.url).host })
  }
)

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

void t.test('RFC 7592: a client reads, replaces and deletes itself', async (t) => {
  const told = (await register({ ...BASIC, client_name: 'Before' })).json()
  const { client_id: id, registration_access_token: token } = told
  const url = `/oauth/register/${id as string}`
  const call = async (method: 'GET' | 'PUT' | 'DELETE', body?: object, shown = token) =>
    app.app.inject({ method, url, headers: bearer(shown), ...(body && { body }) })
  const read = await call('GET')
  t.equal(read.statusCode, 200)
  const { client_secret: _s, client_secret_expires_at: _e, ...rest } = told
  t.same(read.json(), rest, 'all but the secret, of which only the hash is kept')

  const changes = {
    ...BASIC,
    client_id: id,
    client_name: 'After',
    client_secret: told.client_secret
  }
  t.equal((await call('PUT', { ...changes, client_id: 'other' })).statusCode, 400)
  t.equal((await call('PUT', { ...changes, client_secret: 'my own' })).statusCode, 400)
  t.equal((await call('PUT', { ...changes, scope: 'admin' })).statusCode, 400)
  const changed = await call('PUT', { ...changes, grant_types: undefined })
  t.match(changed.json(), { client_name: 'After', registration_access_token: token })
  t.notOk('client_secret' in changed.json())
  const toPublic = await call('PUT', { ...changes, token_endpoint_auth_method: 'none' })
  t.equal(toPublic.statusCode, 200)
  const back = (await call('PUT', { ...BASIC, client_id: id })).json()
  t.match(back.client_secret, /^lks_/)
  t.not(back.client_secret, told.client_secret)
  const old = { id, secret: told.client_secret }
  const grant = await givenCode(app, old)
  t.equal((await redeem(app, old, grant)).statusCode, 401, 'the old one is dead')
  const tokens = (await redeem(app, { id, secret: back.client_secret }, grant)).json()

  const foreign = (await register(BASIC)).json().registration_access_token
  for (const method of ['GET', 'PUT', 'DELETE'] as const) {
    for (const shown of [foreign, 'garbage', tokens.access_token]) {
      const refused = await call(method, method === 'PUT' ? changes : undefined, shown)
      t.equal(refused.statusCode, 401, `${method} ${refused.body}`)
      t.match(refused.headers['www-authenticate'], /^Bearer error="invalid_token"/)
    }
  }
  t.equal((await call('DELETE')).statusCode, 204)
  t.equal((await call('GET')).statusCode, 401)
  t.equal((await app.get('/oauth/userinfo', tokens.access_token)).statusCode, 401)
  t.same(await app.sql('SELECT id FROM client WHERE id = $1', [id]), [])
})

void t.test('a client that an operator has made their own: changes itself no more', async (t) => {
  const told = (await register(BASIC)).json()
  await app.sql('UPDATE client SET is_first_party = true WHERE id = $1', [told.client_id])
  const answer = await app.app.inject({
    method: 'PUT',
    url: `/oauth/register/${told.client_id as string}`,
    headers: bearer(told.registration_access_token),
    body: { client_id: told.client_id, redirect_uris: ['https://thief.example/cb'] }
  })
  t.equal(answer.json().error, 'invalid_client_metadata')
  const [row] = await app.sql('SELECT redirect_uris FROM client WHERE id = $1', [told.client_id])
  t.same(row, { redirect_uris: [REDIRECT_URI] })
})

void t.test('a client that an operator has restricted: cannot undo it', async (t) => {
  const grant_types = ['authorization_code', 'refresh_token']
  const told = (await register({ ...BASIC, grant_types, scope: 'openid email profile' })).json()
  await app.sql(
    `UPDATE client SET scopes = '{openid,email}', grant_types = '{authorization_code}', require_pkce = true,
            require_par = true, require_dpop = true WHERE id = $1`,
    [told.client_id]
  )
  const replace = async (more: object) =>
    app.app.inject({
      method: 'PUT',
      url: `/oauth/register/${told.client_id as string}`,
      headers: bearer(told.registration_access_token),
      body: { client_id: told.client_id, ...BASIC, ...more }
    })
  t.equal((await replace({ grant_types })).json().error, 'invalid_client_metadata')
  const lax = {
    scope: 'openid profile',
    require_pushed_authorization_requests: false,
    dpop_bound_access_tokens: false
  }
  t.equal((await replace(lax)).statusCode, 200)
  const rowOf = async () =>
    (
      await app.sql(
        'SELECT scopes, grant_types, require_pkce, require_par, require_dpop FROM client WHERE id = $1',
        [told.client_id]
      )
    )[0]
  const strict = {
    grant_types: ['authorization_code'],
    require_pkce: true,
    require_par: true,
    require_dpop: true
  }
  t.same(await rowOf(), { ...strict, scopes: ['openid'] })
  t.equal((await replace({})).statusCode, 200)
  t.same(await rowOf(), { ...strict, scopes: ['openid'] }, 'what it gave up is gone as well')
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
