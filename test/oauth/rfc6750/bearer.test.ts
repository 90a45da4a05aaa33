import t from 'tap'
import { startApp } from '../../support/app.ts'
import { givenSession } from '../../support/builders.ts'
import { givenClient, postForm } from '../../support/oauth.ts'
import { givenPerson, givenTokens, postAs } from '../../support/oauth-grants.ts'

const app = await startApp(t)
const client = await givenClient(app)
const person = await givenPerson(app)
const URL = '/oauth/userinfo'
const { access_token: token } = await givenTokens(app, client, person)
const FORM = 'application/x-www-form-urlencoded'

async function ask(method: 'GET' | 'POST', headers: Record<string, string>, payload?: string) {
  return app.app.inject({ method, url: URL, headers, ...(payload !== undefined && { payload }) })
}

for (const [how, headers] of [
  ['as it is', { authorization: `Bearer ${token}` }],
  ['in small letters', { authorization: `bearer ${token}` }],
  ['with more blanks', { authorization: `Bearer   ${token}` }]
] as [string, Record<string, string>][]) {
  void t.test(`a token in the header, ${how}: taken (§2.1)`, async (t) => {
    for (const method of ['GET', 'POST'] as const) {
      const answer = await ask(method, headers)
      t.equal(answer.statusCode, 200, `${method} ${answer.body}`)
      t.equal(answer.json().sub, person.user.id)
      t.match(answer.headers['cache-control'], /no-store/)
    }
  })
}

void t.test('a token in a form: taken, by POST only (§2.2)', async (t) => {
  const answer = await postForm(app, URL, { access_token: token })
  t.equal(answer.json().sub, person.user.id)
  const got = await ask('GET', { 'content-type': FORM }, `access_token=${token}`)
  t.equal(got.statusCode, 401)
})

void t.test('a token in the URL: not looked at (§2.3, §5.3)', async (t) => {
  for (const method of ['GET', 'POST'] as const) {
    const answer = await app.app.inject({ method, url: `${URL}?access_token=${token}` })
    t.equal(answer.statusCode, 401)
  }
})

void t.test('a token in two ways: invalid_request (§2)', async (t) => {
  const headers = { authorization: `Bearer ${token}` }
  const answer = await postForm(app, URL, { access_token: token }, headers)
  t.equal(answer.statusCode, 400)
  t.equal(answer.json().error, 'invalid_request')
})

void t.test('a token in JSON: refused (§2.2)', async (t) => {
  const headers = { 'content-type': 'application/json' }
  const answer = await ask('POST', headers, JSON.stringify({ access_token: token }))
  t.ok([400, 401, 415].includes(answer.statusCode), String(answer.statusCode))
})

void t.test('no token: 401 that names the scheme, and no error (§3.1)', async (t) => {
  for (const method of ['GET', 'POST'] as const) {
    const answer = await ask(method, {})
    t.equal(answer.statusCode, 401)
    t.match(answer.headers['www-authenticate'], /^Bearer /)
    t.notMatch(answer.headers['www-authenticate'], /error/)
  }
})

for (const [what, authorization] of [
  ['garbage', 'Bearer x'],
  ['a token with another signature', `Bearer ${token.slice(0, -8)}AAAAAAAA`],
  ['two tokens', `Bearer ${token}, Bearer ${token}`],
  ['an empty token', 'Bearer ']
] as const) {
  void t.test(`${what}: 401 and invalid_token (§3.1)`, async (t) => {
    const answer = await ask('GET', { authorization })
    t.equal(answer.statusCode, 401)
    t.match(answer.headers['www-authenticate'], /^Bearer error="invalid_token"/)
    t.match(answer.headers['cache-control'], /no-store/)
  })
}

void t.test('a token that has expired: 401 and invalid_token (§3.1)', async (t) => {
  await app.moveTime(601)
  const answer = await ask('GET', { authorization: `Bearer ${token}` })
  await app.moveTime(0)
  t.equal(answer.statusCode, 401)
  t.match(answer.headers['www-authenticate'], /error="invalid_token"/)
})

void t.test('a token without openid: 403 and insufficient_scope (§3.1)', async (t) => {
  const { access_token: poor } = await givenTokens(app, client, person, { scope: 'profile' })
  const { accessToken: own } = await givenSession(app, person.user)
  for (const shown of [poor, own]) {
    const answer = await ask('GET', { authorization: `Bearer ${shown}` })
    t.ok([401, 403].includes(answer.statusCode), String(answer.statusCode))
    t.match(
      answer.headers['www-authenticate'],
      /^Bearer error="(insufficient_scope|invalid_token)"/
    )
  }
})

void t.test('a token of no person: opens no userinfo (§3.1)', async (t) => {
  const machine = await givenClient(app, { grant_types: ['client_credentials'], scope: 'a:b' })
  const form = { grant_type: 'client_credentials' }
  const tokens = (await postAs(app, machine, '/oauth/token', form)).json()
  const answer = await ask('GET', { authorization: `Bearer ${tokens.access_token}` })
  t.equal(answer.statusCode, 403)
  t.match(answer.headers['www-authenticate'], /insufficient_scope/)
})
