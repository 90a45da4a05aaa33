import { createLocalJWKSet, jwtVerify } from 'jose'
import t from 'tap'
import { ISSUER, startApp } from '../../support/app.ts'
import { claimsOf } from '../../support/builders.ts'
import { headerOf } from '../../support/jws.ts'
import { givenClient } from '../../support/oauth.ts'
import { givenPerson, givenTokens, postAs } from '../../support/oauth-grants.ts'

const app = await startApp(t)
const client = await givenClient(app, { audiences: ['https://api.example'] })
const roled = await givenClient(app, { shows_roles: true })
const machine = await givenClient(app, { grant_types: ['client_credentials'], scope: 'jobs:run' })
const person = await givenPerson(app)
const keys = createLocalJWKSet((await app.get('/.well-known/jwks.json')).json())
const { access_token: token } = await givenTokens(app, client, person, { scope: 'openid email' })
const machineToken: string = (
  await postAs(app, machine, '/oauth/token', { grant_type: 'client_credentials' })
).json().access_token

for (const [whose, shown, sub, client_id] of [
  ["a person's", token, person.user.id, client.id],
  ["a service's", machineToken, machine.id, machine.id]
] as const) {
  void t.test(`${whose} token: at+jwt, signed with RS256, with what §2.2 requires`, async (t) => {
    t.match(headerOf(shown), { typ: 'at+jwt', alg: 'RS256', kid: String })
    const { payload } = await jwtVerify(shown, keys, { issuer: ISSUER, typ: 'at+jwt' })
    t.match(payload, { sub, client_id, aud: /./, iat: Number, exp: Number, jti: String })
    t.equal(Number(payload.exp) - Number(payload.iat), 600)
  })
}

void t.test("a person's token: how and when they logged in (§2.2.1), the scope (§2.2.3)", (t) => {
  t.match(claimsOf(token), {
    scope: 'openid email',
    amr: ['pwd'],
    auth_time: Number,
    sid: String
  })
  t.end()
})

void t.test("a service's token: no person in it (§2.2, §5)", (t) => {
  const claims = claimsOf(machineToken)
  for (const name of ['sid', 'auth_time', 'amr', 'roles']) t.notOk(name in claims, name)
  t.not(claims['sub'], person.user.id)
  t.end()
})

void t.test('roles: only for clients that may see them (§2.2.3.1)', async (t) => {
  t.notOk('roles' in claimsOf(token))
  t.same(claimsOf((await givenTokens(app, roled, person)).access_token)['roles'], ['user'])
})

void t.test('every token: a jti of its own (§2.2)', async (t) => {
  const others = await Promise.all([1, 2, 3].map(async () => givenTokens(app, client, person)))
  t.equal(
    new Set([token, ...others.map((one) => one.access_token)].map((one) => claimsOf(one)['jti']))
      .size,
    4
  )
})

void t.test('a client_id that could be a person: cannot be had (§5)', async (t) => {
  for (const client_id of [person.user.id, person.user.id.toUpperCase(), 'latchkey']) {
    await t.rejects(givenClient(app, { client_id }))
  }
})
