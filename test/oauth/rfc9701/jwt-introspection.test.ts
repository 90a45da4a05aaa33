import { createLocalJWKSet, jwtVerify } from 'jose'
import t from 'tap'
import { ISSUER, startApp } from '../../support/app.ts'
import { givenClient } from '../../support/oauth.ts'
import { givenPerson, givenTokens, postAs } from '../../support/oauth-grants.ts'

const app = await startApp(t)
const client = await givenClient(app)
const server = await givenClient(app, {
  resource_server: true,
  grant_types: ['client_credentials']
})
const { access_token: token } = await givenTokens(app, client, await givenPerson(app))
const keys = createLocalJWKSet((await app.get('/.well-known/jwks.json')).json())
const TYPE = 'application/token-introspection+jwt'

async function signedAnswer(shown: string, accept = TYPE) {
  return postAs(app, server, '/oauth/introspect', { token: shown }, { accept })
}

for (const [what, shown, expected] of [
  ['a live token', token, { active: true, client_id: client.id }],
  ['a dead token', 'x', { active: false }]
] as const) {
  void t.test(`${what}, asked for as a JWT: signed for whoever asks, now (§5)`, async (t) => {
    const answer = await signedAnswer(shown)
    t.equal(answer.statusCode, 200)
    t.equal(answer.headers['content-type'], TYPE)
    t.match(answer.headers['cache-control'], /no-store/)
    const options = { issuer: ISSUER, audience: server.id, typ: 'token-introspection+jwt' }
    const { payload } = await jwtVerify(answer.body, keys, options)
    t.match(payload['token_introspection'], expected)
    t.type(payload.iat, 'number')
    t.notOk('sub' in payload || 'exp' in payload, 'nothing that an access token would have (§5)')
    if (!expected.active) t.same(payload['token_introspection'], { active: false })
  })
}

void t.test('no such wish: plain JSON (§4)', async (t) => {
  for (const accept of ['application/json', '*/*']) {
    t.match((await signedAnswer(token, accept)).headers['content-type'], /^application\/json/)
  }
})

void t.test('the JWT shown as a token of any kind: opens nothing (§8.1)', async (t) => {
  const jwt = (await signedAnswer(token)).body
  t.equal((await app.get('/oauth/userinfo', jwt)).statusCode, 401)
  t.equal((await app.get('/verify-token', jwt)).statusCode, 401)
  t.equal((await app.get('/users/profile', jwt)).statusCode, 401)
  t.equal((await postAs(app, server, '/oauth/introspect', { token: jwt })).body, '{"active":false}')
})

void t.test('a wrong secret: an error, and nothing signed (§5)', async (t) => {
  const wrong = { ...server, secret: 'wrong' }
  const answer = await postAs(app, wrong, '/oauth/introspect', { token }, { accept: TYPE })
  t.equal(answer.statusCode, 401)
  t.match(answer.headers['content-type'], /^application\/json/)
})

void t.test('the algorithm: told in the metadata (§7)', async (t) => {
  const metadata = (await app.get('/.well-known/oauth-authorization-server')).json()
  t.same(metadata.introspection_signing_alg_values_supported, ['RS256'])
})
