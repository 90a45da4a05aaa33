import { createLocalJWKSet, jwtVerify } from 'jose'
import t from 'tap'
import { ISSUER, startApp } from '../support/app.ts'
import { claimsOf } from '../support/builders.ts'
import { basic, givenClient, givenCode, postForm, redeem } from '../support/oauth.ts'

const app = await startApp(t)

void t.test('a code, traded by its client: tokens for the person who logged in', async (t) => {
  const client = await givenClient(app)
  const grant = await givenCode(app, client, { scope: 'openid email', nonce: 'n-0S6_WzA2Mj' })
  const answer = await redeem(app, client, grant)
  t.equal(answer.statusCode, 200, answer.body)
  const tokens = answer.json()
  t.match(tokens, { token_type: 'Bearer', expires_in: 600, scope: 'openid email' })
  const keys = createLocalJWKSet((await app.get('/.well-known/jwks.json')).json())
  const { payload } = await jwtVerify(tokens.id_token, keys, {
    issuer: ISSUER,
    audience: client.id
  })
  t.match(payload, { sub: grant.user.id, nonce: 'n-0S6_WzA2Mj' })
  const access = claimsOf(tokens.access_token)
  t.match(access, { sub: grant.user.id, client_id: client.id, aud: ISSUER })

  const userinfo = await app.get('/oauth/userinfo', tokens.access_token)
  t.same(userinfo.json(), { sub: grant.user.id, email: grant.user.email, email_verified: true })

  const form = { grant_type: 'refresh_token', refresh_token: tokens.refresh_token }
  const refreshed = await postForm(app, '/oauth/token', form, basic(client))
  t.equal(refreshed.statusCode, 200, refreshed.body)
  t.not(refreshed.json().refresh_token, tokens.refresh_token)
})

void t.test('a service that comes by itself: a token without a person', async (t) => {
  const client = await givenClient(app, {
    grant_types: ['client_credentials'],
    redirect_uris: [],
    scope: 'orders:read'
  })
  const answer = await postForm(
    app,
    '/oauth/token',
    { grant_type: 'client_credentials' },
    basic(client)
  )
  t.equal(answer.statusCode, 200, answer.body)
  const claims = claimsOf(answer.json().access_token)
  t.match(claims, { sub: client.id, client_id: client.id, scope: 'orders:read' })
  t.notOk('sid' in claims)
})
