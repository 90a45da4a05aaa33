import { createLocalJWKSet, jwtVerify } from 'jose'
import t from 'tap'
import { ISSUER, startApp } from '../../support/app.ts'
import { claimsOf } from '../../support/builders.ts'
import { basic, givenClient, postForm } from '../../support/oauth.ts'
import {
  ACCESS_TOKEN,
  exchange,
  EXCHANGE,
  givenGateway,
  givenShop,
  givenTokens,
  ownToken,
  STOCK
} from './given.ts'

const app = await startApp(t)
const gateway = await givenGateway(app)
const shop = await givenShop(app, gateway)
const { token, user, refreshToken, idToken } = await givenTokens(app, shop, 'openid orders:read')
const subject = claimsOf(token)

const JWT = 'urn:ietf:params:oauth:token-type:jwt'
const errorOf = (answer: Awaited<ReturnType<typeof exchange>>): string => answer.json().error

void t.test(
  'a token, shown by the service it is for: traded for one to call on with (§2.2.1)',
  async (t) => {
    const answer = await exchange(app, gateway, token, { audience: STOCK, scope: 'orders:read' })
    t.equal(answer.statusCode, 200, answer.body)
    t.equal(answer.headers['cache-control'], 'no-store')
    const body = answer.json()
    t.match(body, { issued_token_type: ACCESS_TOKEN, token_type: 'Bearer', scope: 'orders:read' })
    t.notOk('refresh_token' in body, 'nothing to refresh')
    t.notOk('id_token' in body)
    const keys = createLocalJWKSet((await app.get('/.well-known/jwks.json')).json())
    const { payload } = await jwtVerify(body.access_token, keys, {
      issuer: ISSUER,
      audience: STOCK
    })
    t.match(payload, {
      sub: user.id,
      client_id: gateway.id,
      sid: subject['sid'],
      scope: 'orders:read',
      aud: STOCK,
      act: { sub: gateway.id }
    })
    t.same(payload['act'], { sub: gateway.id }, 'the service acts (§4.1)')
    t.ok((payload.exp ?? 0) <= Number(subject['exp']))
    t.ok(body.expires_in <= 600 && body.expires_in > 0)
    t.notOk('roles' in payload)
    const sql = "SELECT user_id, client_id, details FROM audit_event WHERE type = 'token.exchanged'"
    t.match(await app.sql(sql), [
      {
        user_id: user.id,
        client_id: gateway.id,
        details: { subject_client: shop.id, audience: STOCK }
      }
    ])
  }
)

void t.test('an exchange that names no scope and no audience: gets what both have', async (t) => {
  const answer = await exchange(app, gateway, token)
  const claims = claimsOf(answer.json().access_token)
  t.equal(claims['scope'], 'openid orders:read')
  t.equal(claims['aud'], STOCK)
  const asJwt = await exchange(app, gateway, token, { subject_token_type: JWT })
  t.equal(asJwt.statusCode, 200, 'the type jwt is as good (§3)')
})

void t.test('a client that may not: refused (§2.1, RFC 6749 §5.2)', async (t) => {
  const stranger = await givenGateway(app)
  t.equal(errorOf(await exchange(app, stranger, token)), 'invalid_request', 'not its audience')
  t.equal(errorOf(await exchange(app, shop, token)), 'unauthorized_client', 'no such grant')
  t.equal(errorOf(await exchange(app, { ...gateway, secret: 'x' }, token)), 'invalid_client')
  const trusted = await givenGateway(app, { resource_server: true })
  t.equal((await exchange(app, trusted, token)).statusCode, 200, 'an operator trusts this one')
})

void t.test('a client without a secret: cannot have the grant at all', async (t) => {
  const made = givenClient(app, {
    grant_types: [EXCHANGE],
    redirect_uris: [],
    token_endpoint_auth_method: 'none'
  })
  await t.rejects(made, /cannot exchange tokens/)
  const bare = await givenGateway(app)
  await app.sql("UPDATE client SET auth_method = 'none' WHERE id = $1", [bare.id])
  const form = { grant_type: EXCHANGE, subject_token: token, subject_token_type: ACCESS_TOKEN }
  const answer = await postForm(app, '/oauth/token', { ...form, client_id: bare.id })
  t.equal(answer.json().error, 'unauthorized_client')
})

void t.test('a request that is malformed: invalid_request (§2.1, §2.2.2)', async (t) => {
  const form = { grant_type: EXCHANGE, subject_token: token, subject_token_type: ACCESS_TOKEN }
  const type = (kind: string) => `urn:ietf:params:oauth:token-type:${kind}`
  const wrong: Record<string, Record<string, string>> = {
    'no subject_token': { subject_token: '' },
    'no subject_token_type': { subject_token_type: '' },
    'an ID token': { subject_token: idToken, subject_token_type: type('id_token') },
    'an ID token that calls itself an access token': { subject_token: idToken },
    'a refresh token': { subject_token: refreshToken, subject_token_type: type('refresh_token') },
    'a refresh token that calls itself an access token': { subject_token: refreshToken },
    SAML: { subject_token_type: type('saml2') },
    garbage: { subject_token: 'x' },
    'a broken signature': { subject_token: `${token.slice(0, -4)}AAAA` },
    'a refresh token asked for': { requested_token_type: type('refresh_token') },
    'an ID token asked for': { requested_token_type: type('id_token') },
    'actor_token without its type': { actor_token: token },
    'actor_token_type without its token': { actor_token_type: ACCESS_TOKEN },
    'an actor token of no type': { actor_token: token, actor_token_type: type('id_token') }
  }
  for (const [name, fields] of Object.entries(wrong)) {
    const answer = await postForm(app, '/oauth/token', { ...form, ...fields }, basic(gateway))
    t.equal(answer.statusCode, 400, name)
    t.equal(answer.json().error, 'invalid_request', name)
  }
  const asked = { requested_token_type: ACCESS_TOKEN }
  t.equal((await exchange(app, gateway, token, asked)).statusCode, 200)
})

void t.test('an audience that is not of the caller: invalid_target (§2.2.2)', async (t) => {
  for (const more of [{ audience: 'https://x.example' }, { resource: 'https://x.example' }]) {
    t.equal(errorOf(await exchange(app, gateway, token, more)), 'invalid_target')
  }
  const both = { audience: STOCK, resource: 'https://x.example' }
  t.equal(errorOf(await exchange(app, gateway, token, both)), 'invalid_target')
  const nowhere = await givenGateway(app, { audiences: [], resource_server: true })
  t.equal(errorOf(await exchange(app, nowhere, token)), 'invalid_target')
})

void t.test('an actor token: who it is of acts (§4.1)', async (t) => {
  const worker = await givenClient(app, {
    redirect_uris: [],
    grant_types: ['client_credentials'],
    scope: 'stock:read',
    audiences: [gateway.id]
  })
  const actor = { actor_token: await ownToken(app, worker), actor_token_type: ACCESS_TOKEN }
  const answer = await exchange(app, gateway, token, actor)
  t.equal(answer.statusCode, 200, answer.body)
  t.same(claimsOf(answer.json().access_token)['act'], { sub: worker.id })

  const stranger = await givenGateway(app)
  const theirs = { actor_token: await ownToken(app, stranger), actor_token_type: ACCESS_TOKEN }
  t.equal(errorOf(await exchange(app, gateway, token, theirs)), 'invalid_request')
  const own = { actor_token: await ownToken(app, gateway), actor_token_type: ACCESS_TOKEN }
  t.equal((await exchange(app, gateway, token, own)).statusCode, 200, 'its own')
})

void t.test(
  'service after service: each acts, the latest first, five at most (§4.1)',
  async (t) => {
    const chain = []
    for (let at = 0; at < 6; at += 1) chain.push(await givenGateway(app, { resource_server: true }))
    let shown = token
    for (const service of chain.slice(0, 5)) {
      shown = (await exchange(app, service, shown)).json().access_token
    }
    const act = chain
      .slice(0, 5)
      .reduce<object | undefined>(
        (before, { id }) => ({ sub: id, ...(before && { act: before }) }),
        undefined
      )
    t.same(claimsOf(shown)['act'], act)
    t.equal(claimsOf(shown)['sid'], subject['sid'])
    t.equal(errorOf(await exchange(app, chain[5]!, shown)), 'invalid_request')
  }
)

void t.test('the metadata: tells the grant', async (t) => {
  const metadata = (await app.get('/.well-known/openid-configuration')).json()
  t.ok(metadata.grant_types_supported.includes(EXCHANGE))
})
