import { exportJWK, generateKeyPair } from 'jose'
import t from 'tap'
import { ISSUER, startApp } from '../../support/app.ts'
import { claimsOf } from '../../support/builders.ts'
import { BASIC, registerClients } from '../../support/client-registration.ts'
import { startNeighbour } from '../../support/neighbour.ts'
import { givenCode, postForm, REDIRECT_URI, redeem } from '../../support/oauth.ts'

const neighbour = await startNeighbour(t)
const app = await startApp(t, { ...neighbour.env, DYNAMIC_REGISTRATION: 'open' })
const register = registerClients(app)

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
