import t from 'tap'
import { startApp } from '../../support/app.ts'
import {
  basic,
  givenClient,
  givenCode,
  postForm,
  redeem,
  REDIRECT_URI
} from '../../support/oauth.ts'
import { givenPerson, givenTokens, postAs, refreshAs } from '../../support/oauth-grants.ts'

const app = await startApp(t)
const client = await givenClient(app)
const poster = await givenClient(app, { token_endpoint_auth_method: 'client_secret_post' })
const open = await givenClient(app, { token_endpoint_auth_method: 'none' })
const machine = await givenClient(app, {
  grant_types: ['client_credentials'],
  scope: 'orders:read orders:write'
})
const person = await givenPerson(app)
const CREDENTIALS = { grant_type: 'client_credentials' }
const FORM = 'application/x-www-form-urlencoded'

void t.test('tokens: told to the asker alone, kept by nobody (§5.1)', async (t) => {
  const answer = await redeem(app, client, await givenCode(app, client, {}, person))
  t.equal(answer.statusCode, 200)
  t.match(answer.headers, { 'cache-control': /no-store/, pragma: 'no-cache' })
  t.match(answer.headers['content-type'], /^application\/json/)
  t.match(answer.json(), { token_type: 'Bearer', expires_in: Number })
})

for (const method of ['GET', 'PUT', 'DELETE', 'HEAD'] as const) {
  void t.test(`${method} at the token endpoint: never a token (§3.2)`, async (t) => {
    const query = new URLSearchParams({ ...CREDENTIALS, client_id: machine.id }).toString()
    const answer = await app.app.inject({
      method,
      url: `/oauth/token?${query}`,
      headers: basic(machine)
    })
    t.ok([404, 405].includes(answer.statusCode), String(answer.statusCode))
    t.notMatch(answer.body, /access_token/)
  })
}

void t.test('parameters in the URL of a POST: not looked at (§2.3.1)', async (t) => {
  const url = `/oauth/token?client_id=${poster.id}&client_secret=${poster.secret ?? ''}`
  const answer = await postForm(app, url, { grant_type: 'refresh_token', refresh_token: 'x' })
  t.equal(answer.statusCode, 401)
})

for (const type of ['application/json', 'text/plain', 'multipart/form-data; boundary=x', '']) {
  void t.test(`a body of type "${type}": refused (§3.2)`, async (t) => {
    const answer = await app.app.inject({
      method: 'POST',
      url: '/oauth/token',
      headers: { ...basic(machine), ...(type !== '' && { 'content-type': type }) },
      payload:
        type === 'application/json'
          ? '{"grant_type":"client_credentials"}'
          : 'grant_type=client_credentials'
    })
    t.ok([400, 415].includes(answer.statusCode), String(answer.statusCode))
    t.equal(answer.json().error, 'invalid_request')
  })
}

void t.test('a parameter twice: invalid_request (§3.2)', async (t) => {
  for (const name of ['grant_type', 'scope', 'client_id', 'code']) {
    const payload = `grant_type=client_credentials&${name}=x&${name}=x`
    const headers = { ...basic(machine), 'content-type': FORM }
    const answer = await app.app.inject({ method: 'POST', url: '/oauth/token', headers, payload })
    t.equal(answer.statusCode, 400, name)
    t.equal(answer.json().error, 'invalid_request', name)
  }
})

void t.test('an empty parameter: as if it were not there (§3.2)', async (t) => {
  const answer = await postAs(app, machine, '/oauth/token', { ...CREDENTIALS, scope: '' })
  t.equal(answer.json().scope, 'orders:read orders:write')
})

void t.test('an unknown parameter: ignored (§3.2)', async (t) => {
  const answer = await postAs(app, machine, '/oauth/token', { ...CREDENTIALS, extra: 'foobar' })
  t.equal(answer.statusCode, 200)
})

for (const [what, form, error] of [
  ['no grant_type', {}, 'invalid_request'],
  ['an unknown grant', { grant_type: 'magic' }, 'unsupported_grant_type'],
  [
    'the password grant',
    { grant_type: 'password', username: 'a', password: 'b' },
    'unsupported_grant_type'
  ],
  ['a grant of others', { grant_type: 'refresh_token', refresh_token: 'x' }, 'unauthorized_client'],
  ['a scope that it lacks', { ...CREDENTIALS, scope: 'admin' }, 'invalid_scope']
] as [string, Record<string, string>, string][]) {
  void t.test(`${what}: ${error} (§5.2)`, async (t) => {
    const answer = await postAs(app, machine, '/oauth/token', form)
    t.equal(answer.statusCode, 400)
    t.equal(answer.json().error, error)
    t.match(answer.headers['cache-control'], /no-store/)
  })
}

const secret = machine.secret ?? ''
for (const [what, form, headers, error] of [
  ['a wrong secret', {}, basic({ ...machine, secret: 'wrong' }), 'invalid_client'],
  ['no secret', { client_id: machine.id }, {}, 'invalid_client'],
  ['no client at all', {}, {}, 'invalid_client'],
  ['an unknown client', {}, basic({ id: 'c_none', secret: 'x' }), 'invalid_client'],
  ['another scheme', {}, { authorization: 'Bearer x' }, 'invalid_client'],
  [
    'no colon',
    {},
    { authorization: `Basic ${Buffer.from('x').toString('base64')}` },
    'invalid_client'
  ],
  [
    'a broken escape',
    {},
    { authorization: `Basic ${Buffer.from('%:%').toString('base64')}` },
    'invalid_client'
  ],
  [
    'the way that another is registered for',
    { client_id: machine.id, client_secret: secret },
    {},
    'invalid_client'
  ],
  [
    'two ways at once',
    { client_id: machine.id, client_secret: secret },
    basic(machine),
    'invalid_request'
  ],
  ['another id in the form', { client_id: client.id }, basic(machine), 'invalid_request']
] as [string, Record<string, string>, Record<string, string>, string][]) {
  void t.test(`a client with ${what}: ${error} (§2.3, §5.2)`, async (t) => {
    const answer = await postForm(app, '/oauth/token', { ...CREDENTIALS, ...form }, headers)
    t.equal(answer.json().error, error)
    t.equal(answer.statusCode, error === 'invalid_client' ? 401 : 400)
    if (error === 'invalid_client') t.match(answer.headers['www-authenticate'], /^Basic realm=/)
  })
}

void t.test('a public client that comes by itself: refused (§4.4)', async (t) => {
  await t.rejects(
    givenClient(app, { token_endpoint_auth_method: 'none', grant_types: ['client_credentials'] })
  )
  const answer = await postAs(app, open, '/oauth/token', CREDENTIALS)
  t.equal(answer.json().error, 'unauthorized_client')
})

void t.test('client credentials: no refresh token, no person (§4.4.3)', async (t) => {
  const answer = await postAs(app, machine, '/oauth/token', {
    ...CREDENTIALS,
    scope: 'orders:read'
  })
  t.same(Object.keys(answer.json()).sort(), ['access_token', 'expires_in', 'scope', 'token_type'])
  t.equal(answer.json().scope, 'orders:read')
})

void t.test('a scope that a client loses: lost at the next refresh (§6)', async (t) => {
  const tokens = await givenTokens(app, client, person, { scope: 'openid email profile' })
  const narrow = await refreshAs(app, client, tokens.refresh_token, { scope: 'openid email' })
  t.equal(narrow.json().scope, 'openid email', 'narrowed for this token')
  const whole = await refreshAs(app, client, narrow.json().refresh_token)
  t.equal(whole.json().scope, 'openid email profile', 'the grant keeps what it had')
})

void t.test(
  'more scope than was granted, at a refresh: refused, and the refresh token is not spent (§6)',
  async (t) => {
    const { refresh_token: token } = await givenTokens(app, client, person, { scope: 'openid' })
    const answer = await refreshAs(app, client, token, { scope: 'openid email' })
    t.equal(answer.statusCode, 400)
    t.equal(answer.json().error, 'invalid_scope')
    await app.moveTime(60)
    t.equal((await refreshAs(app, client, token)).statusCode, 200)
    await app.moveTime(0)
  }
)

void t.test(
  "another client's refresh token: invalid_grant, and it lives on (§6, §10.4)",
  async (t) => {
    const { refresh_token: token } = await givenTokens(app, client, person)
    const answer = await refreshAs(app, open, token)
    t.equal(answer.json().error, 'invalid_grant')
    t.equal((await refreshAs(app, client, token)).statusCode, 200)
  }
)

void t.test(
  'a redirect_uri that is another, or missing, at the token endpoint: invalid_grant (§4.1.3)',
  async (t) => {
    const narrow = await givenClient(app, {
      redirect_uris: [REDIRECT_URI, 'https://shop.example/two']
    })
    for (const redirect_uri of ['https://shop.example/two', '']) {
      const grant = await givenCode(app, narrow, {}, person)
      const answer = await redeem(app, narrow, grant, { redirect_uri })
      t.equal(answer.json().error, 'invalid_grant')
      t.equal(
        (await redeem(app, narrow, grant)).json().error,
        'invalid_grant',
        'one guess burns it'
      )
    }
  }
)
