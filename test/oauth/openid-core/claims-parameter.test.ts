import t from 'tap'
import { startApp } from '../../support/app.ts'
import { claimsOf } from '../../support/builders.ts'
import { givenClient, REDIRECT_URI } from '../../support/oauth.ts'
import { givenPerson, givenTokens, outcomeOf, pkceUrl, postAs } from '../../support/oauth-grants.ts'

const app = await startApp(t)
const client = await givenClient(app, { scope: 'openid email' })
const person = await givenPerson(app)
await givenTokens(app, client, person, { scope: 'openid email' })

/** As text, for JavaScript could not write some of it. */
const UNKNOWN_NAMES = [
  '{"userinfo":{"__proto__":null}}',
  '{"id_token":{"__proto__":null}}',
  '{"userinfo":{"constructor":null,"toString":null},"id_token":{"hasOwnProperty":null}}',
  '{"__proto__":{"userinfo":{"email":null}}}',
  '{"userinfo":{"\\ud800":null}}',
  '{"userinfo":{"\\u0000":null},"id_token":{"shoe_size":{"value":"\\ud800"}}}',
  '{"\\ud800":"\\ud800"}',
  '{"userinfo":null,"id_token":null}'
]

for (const claims of UNKNOWN_NAMES) {
  void t.test(`${claims}: names that nobody knows here are passed over (§5.5)`, async (t) => {
    const tokens = await givenTokens(app, client, person, { claims })
    const answer = await app.get('/oauth/userinfo', tokens.access_token)
    t.equal(answer.statusCode, 200, answer.body)
    t.equal(answer.body, JSON.stringify({ sub: person.user.id }))
    const told = Object.keys(claimsOf(tokens.id_token))
    t.same(
      told.filter((name) => ['shoe_size', '__proto__', 'hasOwnProperty'].includes(name)),
      []
    )
    const kept = await app.sql('SELECT claims::text FROM session WHERE claims IS NOT NULL')
    t.notMatch(JSON.stringify(kept), /proto|constructor|shoe_size/, 'nor kept')
  })
}

void t.test('a value for a claim about the person: asks for the claim (§5.5.1)', async (t) => {
  const claims = '{"userinfo":{"email":{"value":"\\ud800"}}}'
  const { access_token: token } = await givenTokens(app, client, person, { claims })
  t.equal((await app.get('/oauth/userinfo', token)).json().email, person.user.email)
})

const WRONG = [
  '{"id_token":{"sub":{"value":"\\ud800"}}}',
  '{"id_token":{"sub":{"value":"\\u0000"}}}',
  '{"id_token":{"sub":{"value":{"a":1}}}}',
  '{"id_token":{"acr":{"essential":true,"values":["\\ud800"]}}}',
  '{"id_token":{"acr":{"essential":true,"values":"x"}}}',
  '{"userinfo":[]}',
  '{"userinfo":{"email":true}}',
  '[]',
  '"\\ud800"',
  '{'
]

for (const claims of WRONG) {
  void t.test(`${claims}: invalid_request, pushed or not (§5.5.1)`, async (t) => {
    const { told, page } = await outcomeOf(person.browser, pkceUrl(client, { claims }))
    t.equal(told?.['error'], 'invalid_request', page ?? '')
    const pushed = await postAs(app, client, '/oauth/par', {
      response_type: 'code',
      redirect_uri: REDIRECT_URI,
      scope: 'openid',
      claims,
      code_challenge: 'x'.repeat(43),
      code_challenge_method: 'S256'
    })
    t.equal(pushed.statusCode, 400)
    t.equal(pushed.json().error, 'invalid_request')
  })
}
