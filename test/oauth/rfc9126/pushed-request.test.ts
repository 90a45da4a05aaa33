import t from 'tap'
import { startApp } from '../../support/app.ts'
import { dpopProof, givenKey, requestObject } from '../../support/client-keys.ts'
import {
  givenClient,
  openBrowser,
  pkcePair,
  postForm,
  redeem,
  REDIRECT_URI,
  type TestClient
} from '../../support/oauth.ts'
import { givenPerson, outcomeOf, pkceUrl, postAs } from '../../support/oauth-grants.ts'

const app = await startApp(t)
const key = await givenKey()
const client = await givenClient(app, { first_party: true, jwks: { keys: [key.jwk] } })
const strict = await givenClient(app, {
  first_party: true,
  require_pushed_authorization_requests: true
})
const open = await givenClient(app, { first_party: true, token_endpoint_auth_method: 'none' })
const { browser } = await givenPerson(app)
const { challenge, verifier } = pkcePair()
const ASKED = {
  response_type: 'code',
  redirect_uri: REDIRECT_URI,
  scope: 'openid',
  state: 'pushed',
  code_challenge: challenge,
  code_challenge_method: 'S256'
}

async function push(
  who: TestClient,
  form: Record<string, string> = {},
  headers: Record<string, string> = {}
) {
  return postAs(app, who, '/oauth/par', { ...ASKED, client_id: who.id, ...form }, headers)
}
const urlOf = (who: TestClient, request_uri: string, more = {}) =>
  `/oauth/authorize?${new URLSearchParams({ client_id: who.id, request_uri, ...more }).toString()}`

for (const [name, who] of [
  ['confidential', client],
  ['public', open]
] as const) {
  void t.test(
    `a pushed request of a ${name} client: 201, a reference, and the code for it (§2.2, §4)`,
    async (t) => {
      const answer = await push(who)
      t.equal(answer.statusCode, 201, answer.body)
      t.match(answer.headers['cache-control'], /no-store/)
      const { request_uri: uri, expires_in: seconds } = answer.json()
      t.match(uri, /^urn:ietf:params:oauth:request_uri:[\w-]{43}$/)
      t.ok(seconds > 0 && seconds <= 600)
      const { told } = await outcomeOf(
        browser,
        urlOf(who, uri, { scope: 'openid email', state: 'x' })
      )
      t.match(told, { code: String, state: 'pushed' }, 'what stands beside it counts for nothing')
      const tokens = await redeem(app, who, { code: told?.['code'] ?? '', verifier })
      t.equal(tokens.json().scope, 'openid')
    }
  )
}

void t.test('a reference shown twice: refused (§4, §7.3)', async (t) => {
  const { request_uri: uri } = (await push(client)).json()
  t.ok((await outcomeOf(browser, urlOf(client, uri))).told?.['code'])
  const { status, location } = await outcomeOf(browser, urlOf(client, uri))
  t.equal(status, 400)
  t.equal(location, '')
})

void t.test("another client's reference: refused, and its own can still use it (§4)", async (t) => {
  const { request_uri: uri } = (await push(client)).json()
  t.equal((await outcomeOf(browser, urlOf(open, uri))).status, 400)
  t.ok((await outcomeOf(browser, urlOf(client, uri))).told?.['code'])
})

void t.test('a reference after its life: refused (§4)', async (t) => {
  const { request_uri: uri, expires_in: seconds } = (await push(client)).json()
  await app.moveTime(Number(seconds) + 1)
  const { status } = await outcomeOf(openBrowser(app), urlOf(client, uri))
  await app.moveTime(0)
  t.equal(status, 400)
})

void t.test(
  'somebody who has to log in first: the reference is good for the whole way (§4)',
  async (t) => {
    const { user } = await givenPerson(app)
    const stranger = openBrowser(app)
    const { request_uri: uri } = (await push(client)).json()
    const { page, location } = await outcomeOf(stranger, urlOf(client, uri))
    t.equal(page, '/login')
    const target = new URL(location, 'http://x').searchParams.get('continue') ?? ''
    await stranger.login(user, target)
    t.match((await outcomeOf(stranger, target)).told, { code: String, state: 'pushed' })
  }
)

for (const [what, form, error] of [
  [
    'a request_uri inside',
    { request_uri: 'urn:ietf:params:oauth:request_uri:x' },
    'invalid_request'
  ],
  ['a foreign destination', { redirect_uri: 'https://evil.example/' }, 'invalid_request'],
  ['no destination', { redirect_uri: '' }, 'invalid_request'],
  ['no PKCE', { code_challenge: '' }, 'invalid_request'],
  ['another response_type', { response_type: 'token' }, 'unsupported_response_type'],
  ['a scope beyond', { scope: 'admin' }, 'invalid_scope'],
  ['another client_id', { client_id: 'c_other' }, 'invalid_request'],
  ['a wrong request object', { request: 'x' }, 'invalid_request_object']
] as [string, Record<string, string>, string][]) {
  void t.test(`pushing ${what}: ${error}, at once (§2.1, §2.3)`, async (t) => {
    const answer = await push(client, form)
    t.equal(answer.statusCode, 400)
    t.equal(answer.json().error, error)
  })
}

void t.test('who does not prove who they are: invalid_client (§2.1)', async (t) => {
  const answer = await postForm(app, '/oauth/par', { ...ASKED, client_id: client.id })
  t.equal(answer.statusCode, 401)
  t.equal(answer.json().error, 'invalid_client')
})

void t.test('a signed object, pushed: its parameters are the request (§3)', async (t) => {
  const request = await requestObject(app, client, key, { ...ASKED, state: 'signed' })
  const answer = await postAs(app, client, '/oauth/par', { client_id: client.id, request })
  t.equal(answer.statusCode, 201, answer.body)
  t.match((await outcomeOf(browser, urlOf(client, answer.json().request_uri))).told, {
    state: 'signed'
  })
})

void t.test('a client that has to push, and does not: refused, no code (§5)', async (t) => {
  const { told } = await outcomeOf(browser, pkceUrl(strict))
  t.match(told, { error: 'invalid_request' })
  const { request_uri: uri } = (await push(strict)).json()
  t.ok((await outcomeOf(browser, urlOf(strict, uri))).told?.['code'])
})

void t.test('a waiting request as reference: refused', async (t) => {
  const { location } = await outcomeOf(openBrowser(app), pkceUrl(client))
  const id = /request%3D([\w-]{43})/.exec(location)?.[1] ?? ''
  t.equal(id.length, 43)
  const { status } = await outcomeOf(
    browser,
    urlOf(client, `urn:ietf:params:oauth:request_uri:${id}`)
  )
  t.equal(status, 400)
})

void t.test(
  'a proof beside the pushed request: binds the code to its key (RFC 9449 §10.1)',
  async (t) => {
    const proof = await dpopProof(app, key, { url: '/oauth/par' })
    const { request_uri: uri } = (await push(client, {}, { dpop: proof })).json()
    const { told } = await outcomeOf(browser, urlOf(client, uri))
    const answer = await redeem(app, client, { code: told?.['code'] ?? '', verifier })
    t.equal(answer.json().error, 'invalid_grant', 'no proof, no token')
    const mixed = await push(
      client,
      { dpop_jkt: 'x'.repeat(43) },
      { dpop: await dpopProof(app, key, { url: '/oauth/par' }) }
    )
    t.equal(mixed.statusCode, 400)
  }
)

void t.test('GET at the endpoint: nothing (§2.1)', async (t) => {
  t.ok([404, 405].includes((await app.get('/oauth/par')).statusCode))
})
