import t from 'tap'
import { ISSUER, startApp } from '../../support/app.ts'
import { claimsOf, givenSession } from '../../support/builders.ts'
import { givenClient, postForm } from '../../support/oauth.ts'
import { givenPerson, givenTokens, postAs, refreshAs } from '../../support/oauth-grants.ts'

const app = await startApp(t)
const API = 'https://api.example'
const client = await givenClient(app, { audiences: [API, 'reader'] })
const open = await givenClient(app, { token_endpoint_auth_method: 'none' })
const server = await givenClient(app, {
  resource_server: true,
  grant_types: ['client_credentials']
})
const reader = await givenClient(app, { client_id: 'reader', grant_types: ['client_credentials'] })
const person = await givenPerson(app)
const INACTIVE = '{"active":false}'
const inspect = async (caller: typeof client, token: string, more = {}) =>
  postAs(app, caller, '/oauth/introspect', { token, ...more })

void t.test('a live access token: what it says (§2.2)', async (t) => {
  const { access_token: token } = await givenTokens(app, client, person)
  const answer = await inspect(server, token)
  const { iat, exp, jti } = claimsOf(token)
  t.equal(answer.statusCode, 200)
  t.match(answer.headers, { 'content-type': /^application\/json/, 'cache-control': /no-store/ })
  t.match(answer.json(), {
    active: true,
    token_type: 'Bearer',
    client_id: client.id,
    sub: person.user.id,
    iss: ISSUER,
    scope: 'openid',
    ...{ iat, exp, jti }
  })
})

void t.test(
  'a token for a resource server: told to that one, and to nobody else (§4)',
  async (t) => {
    const forReader = await givenTokens(app, client, person, { resource: 'reader' })
    const forApi = await givenTokens(app, client, person, { resource: API })
    t.equal((await inspect(reader, forReader.access_token)).json().active, true)
    t.equal((await inspect(reader, forApi.access_token)).body, INACTIVE)
    t.equal((await inspect(client, forApi.access_token)).body, INACTIVE, 'nor to its own client')
  }
)

void t.test('a refresh token: told to its own client, the newest only (§4)', async (t) => {
  const { refresh_token: token } = await givenTokens(app, client, person)
  t.match((await inspect(client, token)).json(), {
    active: true,
    client_id: client.id,
    sub: person.user.id
  })
  for (const stranger of [server, reader]) t.equal((await inspect(stranger, token)).body, INACTIVE)
  const next = (await refreshAs(app, client, token)).json().refresh_token
  t.equal((await inspect(client, token)).body, INACTIVE, 'spent')
  t.equal((await inspect(client, next)).json().active, true, 'and looking spends nothing')
})

for (const hint of ['access_token', 'refresh_token', 'other']) {
  void t.test(`the hint ${hint}: a hint and no more (§2.1)`, async (t) => {
    const { access_token: token } = await givenTokens(app, client, person)
    t.equal((await inspect(server, token, { token_type_hint: hint })).json().active, true)
  })
}

void t.test('whatever does not hold: exactly {"active":false} (§2.2)', async (t) => {
  const tokens = await givenTokens(app, client, person)
  const own = await givenSession(app, person.user)
  const { access_token: old } = await givenTokens(app, client, person)
  await postAs(app, client, '/oauth/revoke', { token: old })
  const dead = ['x', 'a.b.c', `${tokens.access_token}x`, tokens.id_token, own.refreshToken, old]
  for (const token of dead) {
    const answer = await inspect(server, token)
    t.equal(answer.statusCode, 200)
    t.equal(answer.body, INACTIVE)
  }
  await app.moveTime(601)
  t.equal((await inspect(server, tokens.access_token)).body, INACTIVE, 'expired')
  await app.moveTime(0)
})

void t.test('who does not prove who they are: nothing is told (§2.1)', async (t) => {
  const { access_token: token } = await givenTokens(app, client, person)
  const nobody = await postForm(app, '/oauth/introspect', { token })
  t.equal(nobody.statusCode, 401)
  t.equal(nobody.json().error, 'invalid_client')
  const answer = await inspect(open, token)
  t.notOk(answer.body.includes('active'))
  t.ok([400, 401, 403].includes(answer.statusCode))
  const bearer = { authorization: `Bearer ${token}` }
  t.equal((await postForm(app, '/oauth/introspect', { token }, bearer)).statusCode, 401)
})

void t.test('GET: no way to ask (§2.1)', async (t) => {
  const answer = await app.app.inject({ url: '/oauth/introspect?token=x' })
  t.ok([404, 405].includes(answer.statusCode))
})

void t.test('no token: invalid_request (§2.1)', async (t) => {
  t.equal((await postAs(app, server, '/oauth/introspect', {})).json().error, 'invalid_request')
})
