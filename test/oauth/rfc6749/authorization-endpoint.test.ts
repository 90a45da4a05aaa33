import t from 'tap'
import { ISSUER, startApp } from '../../support/app.ts'
import { authorizeUrl, callbackOf, givenClient, openBrowser } from '../../support/oauth.ts'
import { givenPerson, outcomeOf, pkceUrl, requestIdOf } from '../../support/oauth-grants.ts'

const app = await startApp(t)
const client = await givenClient(app)
const machine = await givenClient(app, { grant_types: ['client_credentials'] })
const { browser } = await givenPerson(app)

/** What is wrong, and the `error` that the application is told. */
const WRONG: [string, Record<string, string>, string][] = [
  ['no response_type', { response_type: '' }, 'invalid_request'],
  ['response_type=token', { response_type: 'token' }, 'unsupported_response_type'],
  ['response_type=code token', { response_type: 'code token' }, 'unsupported_response_type'],
  ['response_type=id_token', { response_type: 'id_token' }, 'unsupported_response_type'],
  ['a scope that it may not have', { scope: 'admin' }, 'invalid_scope'],
  ['an unknown response_mode', { response_mode: 'fragment' }, 'invalid_request'],
  ['an unknown prompt', { prompt: 'create' }, 'invalid_request'],
  ['prompt=none login', { prompt: 'none login' }, 'invalid_request'],
  ['max_age that is no number', { max_age: '-1' }, 'invalid_request'],
  ['claims that are no JSON', { claims: '{' }, 'invalid_request'],
  ['registration', { registration: '{}' }, 'registration_not_supported'],
  ['a resource that it may not name', { resource: 'https://api.example' }, 'invalid_target'],
  ['dpop_jkt that is no thumbprint', { dpop_jkt: 'x' }, 'invalid_request']
]

for (const [what, parameters, error] of WRONG) {
  void t.test(`${what}: the application is told ${error} (§4.1.2.1)`, async (t) => {
    const { status, told } = await outcomeOf(browser, pkceUrl(client, parameters))
    t.equal(status, 303)
    t.match(told, { error, state: 'af0ifjsldkj', iss: ISSUER })
    t.notOk('code' in (told ?? {}))
    t.match(
      told?.['error_description'],
      /^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/,
      'characters of §4.1.2.1'
    )
  })
}

void t.test('a client without this grant: unauthorized_client (§4.1.2.1)', async (t) => {
  const redirect_uri = 'https://shop.example/callback'
  const { told } = await outcomeOf(browser, pkceUrl(machine, { redirect_uri }))
  t.match(told, { error: 'unauthorized_client' })
})

for (const name of [
  'client_id',
  'redirect_uri',
  'scope',
  'state',
  'response_type',
  'code_challenge'
]) {
  void t.test(`${name}, repeated: refused, and no code (§3.1)`, async (t) => {
    const url = pkceUrl(client)
    const value = new URL(url, ISSUER).searchParams.get(name) ?? ''
    const answer = await browser.get(`${url}&${name}=${encodeURIComponent(value)}`)
    t.equal(answer.statusCode, 400)
    t.equal(answer.headers.location, undefined)
  })
}

void t.test('state of any characters: given back to the letter (§4.1.2)', async (t) => {
  for (const state of ['a b+c&d=e', 'ünïcödé/?#%', '"<script>', 'x'.repeat(2_000)]) {
    const { told } = await outcomeOf(browser, pkceUrl(client, { state, response_type: 'token' }))
    t.equal(told?.['state'], state)
  }
})

void t.test('no state: none in the answer (§4.1.2)', async (t) => {
  const { told } = await outcomeOf(browser, pkceUrl(client, { state: '', response_type: 'token' }))
  t.notOk('state' in (told ?? {}))
})

void t.test('a POST: goes on as a GET would, and answers nothing by itself (§3.1)', async (t) => {
  const query = Object.fromEntries(new URL(pkceUrl(client), ISSUER).searchParams)
  const posted = await browser.post('/oauth/authorize', query)
  t.equal(posted.statusCode, 303)
  t.match(posted.headers.location, /^\/oauth\/authorize\/resume\?request=/)
  const { page } = await outcomeOf(browser, String(posted.headers.location))
  t.equal(page, '/consent')
})

void t.test('nobody logged in: the login, and after it the same request (§3.1)', async (t) => {
  const { user } = await givenPerson(app)
  const stranger = openBrowser(app)
  const asked = await outcomeOf(stranger, pkceUrl(client))
  t.equal(asked.page, '/login')
  const target = new URL(asked.location, ISSUER).searchParams.get('continue') ?? ''
  const back = await stranger.login(user, target)
  t.equal(back.headers.location, target)
  const { page, location } = await outcomeOf(stranger, target)
  t.equal(page, '/consent')
  const answer = await stranger.post('/consent', {
    request: requestIdOf(location),
    decision: 'allow'
  })
  t.ok(callbackOf(answer.headers.location)['code'])
})

void t.test(
  'a no at the consent: access_denied, and the request is spent (§4.1.2.1)',
  async (t) => {
    const person = await givenPerson(app)
    const { location } = await outcomeOf(person.browser, pkceUrl(client))
    const form = { request: requestIdOf(location), decision: 'deny' }
    const answer = await person.browser.post('/consent', form)
    t.match(callbackOf(answer.headers.location), { error: 'access_denied', iss: ISSUER })
    const again = await person.browser.post('/consent', { ...form, decision: 'allow' })
    t.equal(again.statusCode, 400)
    t.equal(again.headers.location, undefined)
  }
)

void t.test('a consent from a foreign page: refused, and no code (§10.12)', async (t) => {
  const person = await givenPerson(app)
  const { location } = await outcomeOf(person.browser, pkceUrl(client))
  const cookie = [...person.browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  const answer = await app.app.inject({
    method: 'POST',
    url: '/consent',
    headers: {
      cookie,
      'sec-fetch-site': 'cross-site',
      'content-type': 'application/x-www-form-urlencoded'
    },
    payload: `request=${requestIdOf(location)}&decision=allow`
  })
  t.equal(answer.statusCode, 403)
  t.equal((await app.sql('SELECT 1 FROM consent WHERE user_id = $1', [person.user.id])).length, 0)
})

void t.test('the pages around a request: in no frame, in no cache (§10.13)', async (t) => {
  const { location } = await outcomeOf(browser, pkceUrl(client))
  const { headers } = await browser.get(location)
  t.match(headers['content-security-policy'], /frame-ancestors 'none'/)
  t.match(headers['cache-control'], /no-store/)
  const answered = await browser.get(authorizeUrl(client, { response_type: 'token' }))
  t.match(answered.headers['cache-control'], /no-store/)
})
