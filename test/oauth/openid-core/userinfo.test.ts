import t from 'tap'
import { startApp } from '../../support/app.ts'
import { claimsOf } from '../../support/builders.ts'
import { givenClient, givenCode, redeem } from '../../support/oauth.ts'
import {
  givenPerson,
  givenTokens,
  outcomeOf,
  pkceUrl,
  refreshAs
} from '../../support/oauth-grants.ts'

const app = await startApp(t)
const EVERYTHING = 'openid profile email phone address offline_access'
const client = await givenClient(app, { scope: EVERYTHING })
const poor = await givenClient(app, { scope: 'openid' })
const person = await givenPerson(app, {
  name: 'Ada',
  surname: 'Lovelace',
  username: 'countess',
  phone_number: '+441632960961'
})
const userinfo = async (token: string) => (await app.get('/oauth/userinfo', token)).json()

for (const [scope, expected] of [
  ['openid', []],
  ['openid profile', ['family_name', 'given_name', 'name', 'preferred_username']],
  ['openid email', ['email', 'email_verified']],
  ['openid phone', ['phone_number', 'phone_number_verified']],
  ['openid address', []],
  [
    EVERYTHING,
    [
      'email',
      'email_verified',
      'family_name',
      'given_name',
      'name',
      'phone_number',
      'phone_number_verified',
      'preferred_username'
    ]
  ]
] as [string, string[]][]) {
  void t.test(`scope ${scope}: its claims and no others (§5.4)`, async (t) => {
    const { access_token: token, id_token: idToken } = await givenTokens(app, client, person, {
      scope
    })
    const answer = await userinfo(token)
    t.same(Object.keys(answer).sort(), [...expected, 'sub'].sort())
    t.equal(answer.sub, claimsOf(idToken)['sub'], '§5.3.2')
    t.notOk(
      Object.values(answer).some((value) => value === null || value === ''),
      '§5.3.2: what is not there is left out'
    )
  })
}

void t.test('scope address: granted, and the person reads that none is kept (§5.4)', async (t) => {
  const reader = await givenPerson(app)
  const { location } = await outcomeOf(reader.browser, pkceUrl(client, { scope: 'openid address' }))
  t.match((await reader.browser.get(location)).body, 'see your postal address (none is kept here)')
  const tokens = await givenTokens(app, client, reader, { scope: 'openid address' })
  t.equal(tokens.scope, 'openid address')
})

void t.test('the types of the claims: as §5.1 has them', async (t) => {
  const { access_token: token } = await givenTokens(app, client, person, { scope: EVERYTHING })
  t.match(await userinfo(token), {
    name: 'Ada Lovelace',
    given_name: 'Ada',
    family_name: 'Lovelace',
    preferred_username: 'countess',
    email: person.user.email,
    email_verified: true,
    phone_number: '+441632960961',
    phone_number_verified: false
  })
})

void t.test('claims asked for userinfo: told there (§5.5)', async (t) => {
  const claims = JSON.stringify({ userinfo: { name: { essential: true }, email: null } })
  const { access_token: token, id_token: idToken } = await givenTokens(app, client, person, {
    claims
  })
  t.match(await userinfo(token), { name: 'Ada Lovelace', email: person.user.email })
  t.notOk('email' in claimsOf(idToken))
})

void t.test(
  'claims behind a scope that the client may not have: not told, by no parameter (§5.5, §16.17)',
  async (t) => {
    const asked = { email: { essential: true }, phone_number: { essential: true }, name: null }
    const claims = JSON.stringify({ userinfo: asked, id_token: asked })
    const { access_token: token, id_token: idToken } = await givenTokens(app, poor, person, {
      claims
    })
    t.same(Object.keys(await userinfo(token)), ['sub'])
    for (const name of Object.keys(asked)) t.notOk(name in claimsOf(idToken), name)
  }
)

void t.test(
  'claims behind a scope that nobody has agreed to: asked about first (§5.5, §16.17)',
  async (t) => {
    const careful = await givenPerson(app)
    await givenTokens(app, client, careful, { scope: 'openid' })
    const claims = JSON.stringify({ userinfo: { email: null } })
    const url = pkceUrl(client, { claims })
    const { page, location } = await outcomeOf(careful.browser, url)
    t.equal(page, '/consent')
    t.match((await careful.browser.get(location)).body, 'see your e-mail address')
    const silent = await outcomeOf(careful.browser, `${url}&prompt=none`)
    t.equal(silent.told?.['error'], 'consent_required')
  }
)

void t.test(
  'claims behind a scope that the client has lost since: not told any more (§16.17, SECURITY T6)',
  async (t) => {
    const loser = await givenClient(app, { scope: 'openid email phone' })
    const asked = { email: null, phone_number: null }
    const claims = JSON.stringify({ userinfo: asked, id_token: asked })
    const grant = await givenCode(app, loser, { claims }, person)
    const keep = async (...scopes: string[]) =>
      app.sql('UPDATE client SET scopes = $2 WHERE id = $1', [loser.id, scopes])
    await keep('openid', 'email')
    const tokens = (await redeem(app, loser, grant)).json()
    t.equal(claimsOf(tokens.id_token)['email'], person.user.email)
    t.notOk('phone_number' in claimsOf(tokens.id_token))
    t.same(Object.keys(await userinfo(tokens.access_token)).sort(), ['email', 'sub'])
    await keep('openid')
    const next = (await refreshAs(app, loser, tokens.refresh_token)).json()
    t.same(Object.keys(await userinfo(next.access_token)), ['sub'])
  }
)

void t.test('a scope that was given up at a refresh: its claims are too', async (t) => {
  const tokens = await givenTokens(app, client, person, { scope: 'openid email' })
  const next = await refreshAs(app, client, tokens.refresh_token, { scope: 'openid' })
  t.same(Object.keys(await userinfo(next.json().access_token)), ['sub'])
})

void t.test(
  'a page elsewhere: may ask, by preflight too, and sends no cookie (§5.3.1)',
  async (t) => {
    const origin = 'https://spa.example'
    for (const [url, method] of [
      ['/oauth/userinfo', 'GET'],
      ['/oauth/token', 'POST'],
      ['/oauth/revoke', 'POST'],
      ['/oauth/par', 'POST'],
      ['/.well-known/jwks.json', 'GET'],
      ['/.well-known/openid-configuration', 'GET']
    ] as const) {
      const { statusCode, headers } = await app.app.inject({
        method: 'OPTIONS',
        url,
        headers: {
          origin,
          'access-control-request-method': method,
          'access-control-request-headers': 'authorization,content-type,dpop'
        }
      })
      t.equal(statusCode, 204, url)
      t.equal(headers['access-control-allow-origin'], '*', url)
      t.match(String(headers['access-control-allow-headers']).toLowerCase(), 'authorization')
      t.match(String(headers['access-control-allow-headers']).toLowerCase(), 'dpop')
      t.notOk('access-control-allow-credentials' in headers, url)
    }
    for (const url of ['/oauth/authorize', '/oauth/logout', '/consent', '/login']) {
      const { headers } = await app.app.inject({ url, headers: { origin } })
      t.notOk('access-control-allow-origin' in headers, url)
    }
    const refused = await app.app.inject({ url: '/oauth/userinfo', headers: { origin } })
    t.equal(refused.headers['access-control-allow-origin'], '*', 'an error can be read as well')
    t.match(refused.headers['access-control-expose-headers'], /www-authenticate/i)
  }
)
