import { createHash } from 'node:crypto'
import { createLocalJWKSet, jwtVerify } from 'jose'
import t from 'tap'
import { ISSUER, startApp } from '../../support/app.ts'
import { claimsOf } from '../../support/builders.ts'
import { headerOf } from '../../support/jws.ts'
import { givenClient } from '../../support/oauth.ts'
import { givenPerson, givenTokens, refreshAs } from '../../support/oauth-grants.ts'

const app = await startApp(t)
const client = await givenClient(app, { scope: 'openid profile email phone offline_access' })
const person = await givenPerson(app, { name: 'Ada' })
const keys = createLocalJWKSet((await app.get('/.well-known/jwks.json')).json())
const tokens = await givenTokens(app, client, person, {
  scope: 'openid email',
  nonce: 'n-0S6_WzA2Mj'
})

function hashOf(token: string): string {
  return createHash('sha256').update(token).digest().subarray(0, 16).toString('base64url')
}

void t.test('an ID token: signed with RS256, for its client, with what §2 requires', async (t) => {
  t.match(headerOf(tokens.id_token), { alg: 'RS256', kid: String })
  const { payload } = await jwtVerify(tokens.id_token, keys, {
    issuer: ISSUER,
    audience: client.id
  })
  t.match(payload, {
    sub: person.user.id,
    auth_time: Number,
    acr: String,
    amr: ['pwd'],
    sid: String
  })
  t.ok(Number(payload.exp) > Number(payload.iat))
  t.ok(person.user.id.length <= 255)
})

void t.test('nonce: as it was sent, or not there (§3.1.2.1)', async (t) => {
  t.equal(claimsOf(tokens.id_token)['nonce'], 'n-0S6_WzA2Mj')
  t.notOk('nonce' in claimsOf((await givenTokens(app, client, person)).id_token))
})

void t.test('at_hash: of the access token beside it (§3.1.3.6)', (t) => {
  t.equal(claimsOf(tokens.id_token)['at_hash'], hashOf(tokens.access_token))
  t.end()
})

void t.test('claims of a scope: at userinfo, not in the ID token of a code (§5.4)', (t) => {
  t.notOk('email' in claimsOf(tokens.id_token))
  t.end()
})

void t.test('claims that are asked for the ID token: in there (§5.5)', async (t) => {
  const claims = JSON.stringify({
    id_token: { email: { essential: true }, name: null, auth_time: null }
  })
  const { id_token: token } = await givenTokens(app, client, person, { claims })
  t.match(claimsOf(token), { email: person.user.email, name: 'Ada', auth_time: Number })
})

void t.test('claims that name what is not a claim of ours: change nothing (§5.5.1)', async (t) => {
  const claims = JSON.stringify({
    id_token: { iss: { value: 'x' }, aud: null, exp: null, __proto__: null, shoe_size: null }
  })
  const { id_token: token } = await givenTokens(app, client, person, { claims })
  t.match(claimsOf(token), { iss: ISSUER, aud: client.id })
  t.notOk('shoe_size' in claimsOf(token))
})

void t.test('without openid: no ID token (§3.1.2.1)', async (t) => {
  t.notOk('id_token' in (await givenTokens(app, client, person, { scope: 'email' })))
})

void t.test(
  'a refresh: the same person, issuer, audience and login; a new iat (§12.2)',
  async (t) => {
    await app.moveTime(120)
    const next = (await refreshAs(app, client, tokens.refresh_token)).json()
    await app.moveTime(0)
    const [before, after] = [claimsOf(tokens.id_token), claimsOf(next.id_token)]
    for (const name of ['iss', 'sub', 'aud', 'auth_time', 'sid'])
      t.same(after[name], before[name], name)
    t.ok(Number(after['iat']) >= Number(before['iat']) + 100)
    t.equal(after['at_hash'], hashOf(next.access_token))
    t.ok(after['nonce'] === undefined || after['nonce'] === before['nonce'])
  }
)
