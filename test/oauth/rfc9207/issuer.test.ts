import t from 'tap'
import { ISSUER, startApp } from '../../support/app.ts'
import { callbackOf, givenClient, openBrowser } from '../../support/oauth.ts'
import { givenPerson, outcomeOf, pkceUrl, requestIdOf } from '../../support/oauth-grants.ts'

const app = await startApp(t)
const client = await givenClient(app, { first_party: true })
const foreign = await givenClient(app)
const { browser } = await givenPerson(app)

void t.test('a code: with the issuer beside it (§2)', async (t) => {
  const { told } = await outcomeOf(browser, pkceUrl(client))
  t.match(told, { code: String, iss: ISSUER, state: 'af0ifjsldkj' })
})

for (const [what, parameters, error] of [
  ['a wrong request', { response_type: 'token' }, 'unsupported_response_type'],
  ['nobody logged in', { prompt: 'none' }, 'login_required'],
  ['a wrong request object', { request: 'x' }, 'invalid_request_object'],
  ['a foreign request_uri', { request_uri: 'https://shop.example/r' }, 'request_uri_not_supported']
] as [string, Record<string, string>, string][]) {
  void t.test(`${what}: the error, with the issuer beside it (§2)`, async (t) => {
    const { told } = await outcomeOf(openBrowser(app), pkceUrl(client, parameters))
    t.match(told, { error, iss: ISSUER, state: 'af0ifjsldkj' })
  })
}

void t.test('a no of the person: with the issuer too (§2)', async (t) => {
  const { location } = await outcomeOf(browser, pkceUrl(foreign))
  const form = { request: requestIdOf(location), decision: 'deny' }
  const answer = await browser.post('/consent', form)
  t.match(callbackOf(answer.headers.location), { error: 'access_denied', iss: ISSUER })
})

void t.test('form_post: the issuer among the fields (§2)', async (t) => {
  const { body, status } = await outcomeOf(browser, pkceUrl(client, { response_mode: 'form_post' }))
  t.equal(status, 200)
  t.match(body, `name="iss" value="${ISSUER}"`)
})

void t.test('the metadata: says so (§3)', async (t) => {
  const metadata = (await app.get('/.well-known/oauth-authorization-server')).json()
  t.equal(metadata.authorization_response_iss_parameter_supported, true)
})
