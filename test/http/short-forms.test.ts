import t from 'tap'
import { startApp } from '../support/app.ts'
import { claimsOf } from '../support/builders.ts'
import { valueOf } from '../support/metrics.ts'
import { basic, givenClient, postForm } from '../support/oauth.ts'
import { givenPerson, givenTokens } from '../support/oauth-grants.ts'
import { exchange, listen, type RawAnswer } from '../support/raw-http.ts'

/** What no two answers share. */
const OWN = ['date', 'x-request-id']
const TOKEN = '/oauth/token'
const INTROSPECT = '/oauth/introspect'
const CREDENTIALS = 'grant_type=client_credentials'

const app = await startApp(t, { ISSUER: 'https://id.example.com' })
const port = await listen(app)
const byPost = { token_endpoint_auth_method: 'client_secret_post' } as const
const isService = { grant_types: ['client_credentials' as const], scope: 'a:read b.write openid' }
const service = await givenClient(app, { ...isService, resource_server: true, audiences: ['api'] })
const poster = await givenClient(app, { ...isService, ...byPost })
const stranger = await givenClient(app, isService)
const bound = await givenClient(app, { ...isService, dpop_bound_access_tokens: true })
const web = await givenClient(app)
const open = await givenClient(app, { token_endpoint_auth_method: 'none' })
const person = await givenPerson(app)
const { access_token: token, refresh_token: refreshToken } = await givenTokens(app, web, person)
const itself = `client_id=${poster.id}&client_secret=${poster.secret!}`

type Ask = { path: string; body: string; headers?: Record<string, string>; line?: string }

/** @param isWhole whether head and body come together, as a short form has to */
async function ask({ path, body, headers = {}, line = '' }: Ask, isWhole: boolean) {
  const all: Record<string, string> = {
    host: 'id.example.com',
    connection: 'close',
    'content-type': 'application/x-www-form-urlencoded',
    'content-length': String(Buffer.byteLength(body, 'latin1')),
    ...headers
  }
  const lines = Object.entries(all).filter(([, value]) => value !== '')
  const fields = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  const head = `POST ${path} HTTP/${line === '' ? '1.1' : line}\r\n${fields}\r\n`
  return exchange(port, isWhole ? bytes(head + body) : [bytes(head), bytes(body)])
}

const bytes = (text: string) => Buffer.from(text, 'latin1')

/** All that two answers to the same request share. */
function comparable({ statusCode, headers, body }: RawAnswer) {
  const all = Object.entries(headers).filter(([name]) => !OWN.includes(name))
  const shared = all.sort(([one], [other]) => one.localeCompare(other))
  if (!body.includes('"access_token"')) return { statusCode, headers: shared, body }
  const { access_token: made, ...answer } = JSON.parse(body)
  const { iat, exp, jti, ...claims } = claimsOf(made)
  const length = Number(headers['content-length']) - made.length
  const kept = shared.filter(([name]) => name !== 'content-length')
  return { statusCode, headers: kept, answer: Object.entries(answer), claims, length }
}

const chunked = { 'content-length': '', 'transfer-encoding': 'chunked' }
const chunk = (body: string) => `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`
const raw = (text: string) => ({ authorization: text })
const bad = (id: string) => raw(basic({ id, secret: 'lks_wrong' })['authorization']!)
const as = basic

/** Of both endpoints, with what they are asked for in `form`. */
const SHARED = (path: string, form: string): Record<string, Ask> => ({
  'by header': { path, body: form, headers: as(service) },
  'by form': { path, body: `${form}&${itself}` },
  'in two ways': { path, body: `${form}&${itself}`, headers: as(service) },
  'by form, registered for the header': {
    path,
    body: `${form}&client_id=${service.id}&client_secret=${service.secret!}`
  },
  'by header, registered for the form': { path, body: form, headers: as(poster) },
  'client_id that fits': { path, body: `${form}&client_id=${service.id}`, headers: as(service) },
  'client_id of another': { path, body: `${form}&client_id=${web.id}`, headers: as(service) },
  'a wrong secret': { path, body: form, headers: bad(service.id) },
  'nobody known': { path, body: form, headers: bad('nobody') },
  'a public client': { path, body: `${form}&client_id=${open.id}` },
  'nobody at all': { path, body: form },
  'another scheme': { path, body: form, headers: raw('Bearer abc') },
  'no base64': { path, body: form, headers: raw('Basic %%%') },
  'encoded wrongly': { path, body: form, headers: raw(`Basic ${btoa('%zz:x')}`) },
  'an assertion, malformed': { path, body: `${form}&client_assertion=x` },
  'an empty field': { path, body: `${form}&client_id=&scope=`, headers: as(service) },
  'a field without a value': { path, body: `${form}&scope`, headers: as(service) },
  'no fields between': { path, body: `&&${form}&&`, headers: as(service) },
  'a field more': { path, body: `${form}&other=1&__proto__=x`, headers: as(service) },
  'a field twice': { path, body: `${form}&${form}`, headers: as(service) },
  'an escape': { path, body: form.replace('e', '%65'), headers: as(service) },
  'a broken escape': { path, body: `${form}%zz`, headers: as(service) },
  'bytes beyond ASCII': { path, body: `${form}&scope=\xe9`, headers: as(service) },
  'a zero byte': { path, body: `${form}\0`, headers: as(service) },
  'a charset': {
    path,
    body: form,
    headers: { ...as(service), 'content-type': 'application/x-www-form-urlencoded;charset=UTF-8' }
  },
  JSON: { path, body: '{}', headers: { ...as(service), 'content-type': 'application/json' } },
  'no type': { path, body: form, headers: { ...as(service), 'content-type': '' } },
  'no type that is one': { path, body: form, headers: { ...as(service), 'content-type': 'x' } },
  nothing: { path, body: '', headers: as(service) },
  'more than is short': { path, body: `${form}&x=${'x'.repeat(20_000)}`, headers: as(service) },
  'more than is read': { path, body: `${form}&x=${'x'.repeat(66_000)}`, headers: as(service) },
  'in chunks': { path, body: chunk(form), headers: { ...as(service), ...chunked } },
  'HTTP/1.0': { path, body: form, headers: as(service), line: '1.0' },
  'a query': { path: `${path}?x=1`, body: form, headers: as(service) },
  'another origin': { path, body: form, headers: { ...as(service), origin: 'https://a.example' } }
})

const ASKS: Record<string, Record<string, Ask>> = {
  introspection: {
    ...SHARED(INTROSPECT, `token=${token}`),
    'no token of ours': { path: INTROSPECT, body: 'token=abc', headers: as(service) },
    'an empty token': { path: INTROSPECT, body: 'token=', headers: as(service) },
    'a token of others': { path: INTROSPECT, body: `token=${token}`, headers: as(stranger) },
    'a refresh token': { path: INTROSPECT, body: `token=${refreshToken}`, headers: as(web) },
    'a hint': {
      path: INTROSPECT,
      body: `token=${token}&token_type_hint=access_token`,
      headers: as(service)
    },
    'a hint too long': {
      path: INTROSPECT,
      body: `token=${token}&token_type_hint=${'x'.repeat(129)}`,
      headers: as(service)
    }
  },
  'client credentials': {
    ...SHARED(TOKEN, CREDENTIALS),
    'a scope': { path: TOKEN, body: `${CREDENTIALS}&scope=a:read`, headers: as(service) },
    'two scopes': {
      path: TOKEN,
      body: `${CREDENTIALS}&scope=a:read+b.write`,
      headers: as(service)
    },
    'a scope of nobody': { path: TOKEN, body: `${CREDENTIALS}&scope=c`, headers: as(service) },
    'a scope of people': { path: TOKEN, body: `${CREDENTIALS}&scope=openid`, headers: as(service) },
    'a scope too long': {
      path: TOKEN,
      body: `${CREDENTIALS}&scope=a:read+${'x'.repeat(2_048)}`,
      headers: as(service)
    },
    'what comes with a code': {
      path: TOKEN,
      body: `${CREDENTIALS}&code=x&redirect_uri=y&code_verifier=z`,
      headers: as(service)
    },
    'a code too long': {
      path: TOKEN,
      body: `${CREDENTIALS}&code=${'x'.repeat(257)}`,
      headers: as(service)
    },
    'a resource': { path: TOKEN, body: `${CREDENTIALS}&resource=api`, headers: as(service) },
    'a resource of others': {
      path: TOKEN,
      body: `${CREDENTIALS}&resource=b`,
      headers: as(service)
    },
    'a grant that it may not use': { path: TOKEN, body: CREDENTIALS, headers: as(web) },
    'a grant of nobody': { path: TOKEN, body: 'grant_type=password', headers: as(service) },
    'another grant': { path: TOKEN, body: 'grant_type=refresh_token', headers: as(web) },
    'no proof, where one is due': { path: TOKEN, body: CREDENTIALS, headers: as(bound) },
    'a proof that is none': {
      path: TOKEN,
      body: CREDENTIALS,
      headers: { ...as(service), dpop: 'x' }
    }
  }
}

/** So that they are remembered. */
async function meet(): Promise<void> {
  for (const client of [service, stranger, web, bound]) {
    await postForm(app, INTROSPECT, { token }, basic(client))
  }
  await postForm(app, INTROSPECT, { token, client_id: poster.id, client_secret: poster.secret! })
  await postForm(app, INTROSPECT, { token, client_id: open.id })
}

for (const [door, asks] of Object.entries(ASKS)) {
  void t.test(`${door}, asked at once or bit by bit: the same to the letter`, async (t) => {
    for (const [name, what] of Object.entries(asks)) {
      await meet()
      const short = await ask(what, true)
      const long = await ask(what, false)
      t.ok(short.statusCode >= 200, name)
      t.strictSame(comparable(short), comparable(long), name)
      t.match(short.headers['x-request-id'], /^[0-9a-f-]{36}$/, name)
    }
  })
}

void t.test('a short form: counted like every request', async (t) => {
  for (const { path, body } of [
    { path: INTROSPECT, body: `token=${token}` },
    { path: TOKEN, body: CREDENTIALS }
  ]) {
    const count = async () =>
      valueOf((await app.app.renderMetrics()).body, 'latchkey_http_requests_total', {
        route: path,
        method: 'POST',
        status: '2xx'
      }) ?? 0
    const before = await count()
    for (let n = 0; n < 5; n += 1) await ask({ path, body, headers: basic(service) }, true)
    t.equal(await count(), before + 5, path)
  }
})

void t.test(
  'a drain that begins while a token is signed: answered, and its connection closed',
  async (t) => {
    const draining = await startApp(t, app.env)
    const drainingPort = await listen(draining)
    const { authorization } = basic(service)
    const head = `POST ${TOKEN} HTTP/1.1\r\nhost: a\r\nauthorization: ${authorization!}`
    const type = 'content-type: application/x-www-form-urlencoded'
    await postForm(draining, TOKEN, { grant_type: 'client_credentials' }, basic(service))
    draining.app.server.once('request', () => {
      draining.app.startDraining()
    })
    const length = `content-length: ${CREDENTIALS.length}`
    const form = `${head}\r\n${type}\r\n${length}\r\n\r\n${CREDENTIALS}`
    const answer = await exchange(drainingPort, form)
    t.equal(answer.statusCode, 200)
    t.equal(answer.headers['connection'], 'close')
  }
)
