import { subscribe } from 'node:diagnostics_channel'
import t, { type Test } from 'tap'
import { startApp } from '../support/app.ts'
import { givenUser } from '../support/builders.ts'
import {
  basic,
  codeForm,
  givenClient,
  givenCode,
  openBrowser,
  postForm,
  type TestClient
} from '../support/oauth.ts'
import { exchange, listen } from '../support/raw-http.ts'

const OF_THE_WIRE = ['date', 'connection', 'keep-alive', 'x-request-id', 'content-length']

/** How many requests Fastify's lifecycle has handled. */
let handled = 0
subscribe('tracing:fastify.request.handler:start', () => {
  handled += 1
})

const app = await startApp(t, { ISSUER: 'https://id.example.com' })
const port = await listen(app)
const ours = await givenClient(app, { first_party: true, scope: 'openid' })
const posting = await givenClient(app, {
  first_party: true,
  scope: 'openid',
  token_endpoint_auth_method: 'client_secret_post'
})
const user = await givenUser(app)
const browser = openBrowser(app)
await browser.login(user)

type Call = { form: Record<string, string>; headers: Record<string, string> }

/** What a client sends with a new code. */
async function givenCall(client: TestClient): Promise<Call> {
  const form = codeForm(await givenCode(app, client, {}, { browser, user }))
  if (client === ours) return { form, headers: basic(client) }
  return { form: { ...form, client_id: client.id, client_secret: client.secret! }, headers: {} }
}

async function over({ form, headers }: Call, more = '') {
  const before = handled
  const body = new URLSearchParams(form).toString() + more
  const all = {
    host: 'id.example.com',
    connection: 'close',
    'content-type': 'application/x-www-form-urlencoded',
    'content-length': String(body.length),
    ...headers
  }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  const answer = await exchange(port, `POST /oauth/token HTTP/1.1\r\n${lines.join('')}\r\n${body}`)
  return { ...answer, wasShort: handled === before }
}

const ownHeaders = (headers: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !OF_THE_WIRE.includes(name)))

const refused = (
  t: Test,
  { statusCode, body }: { statusCode: number; body: string },
  name: string
) => {
  t.equal(statusCode, 400, name)
  t.match(body, '"invalid_grant"', name)
}

void t.test('a code, over a connection: tokens as in the lifecycle, and one trail', async (t) => {
  for (const client of [ours, posting]) {
    const call = await givenCall(client)
    const long = await postForm(app, '/oauth/token', call.form, call.headers)
    const short = await over(await givenCall(client))
    t.ok(short.wasShort)
    t.equal(short.statusCode, 200)
    t.strictSame(ownHeaders(short.headers), ownHeaders(long.headers))
    const [one, other] = [JSON.parse(short.body), long.json()]
    t.strictSame(Object.keys(one as object), Object.keys(other as object))
    const claims = (token: string) =>
      Object.keys(JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()) as object)
    for (const name of ['access_token', 'id_token']) {
      t.strictSame(claims(one[name] as string), claims(other[name] as string), name)
    }
    const events = await app.sql(
      'SELECT type FROM audit_event WHERE request_id = $1 AND user_id = $2 AND client_id = $3',
      [short.headers['x-request-id'], user.id, client.id]
    )
    t.strictSame(
      events.map(({ type }) => type),
      ['grant.begun']
    )
  }
})

void t.test('a code shown twice, over a connection: refused, and its session ends', async (t) => {
  const call = await givenCall(ours)
  const first = await over(call)
  t.equal(first.statusCode, 200)
  refused(t, await over(call), 'again')
  const { refresh_token } = JSON.parse(first.body) as { refresh_token: string }
  const form = { grant_type: 'refresh_token', refresh_token }
  t.equal((await postForm(app, '/oauth/token', form, basic(ours))).statusCode, 400)
})

void t.test('what does not fit, over a connection: refused, and the code is burnt', async (t) => {
  const wrongs: [string, Record<string, string>][] = [
    ['verifier', { code_verifier: 'x'.repeat(43) }],
    ['redirect URI', { redirect_uri: 'https://shop.example/other' }]
  ]
  for (const [name, wrong] of wrongs) {
    const call = await givenCall(ours)
    refused(t, await over({ ...call, form: { ...call.form, ...wrong } }), name)
    refused(t, await over(call), `${name}: burnt`)
  }
})

void t.test('what is no plain form: as the lifecycle has it, and the code is whole', async (t) => {
  const call = await givenCall(ours)
  const odd: [Call, string, number][] = [
    [call, '&code=other', 400],
    [call, '&redirect_uri=', 400],
    [{ ...call, form: { ...call.form, code_verifier: 'x'.repeat(257) } }, '', 400],
    [{ ...call, headers: { authorization: 'Basic !!' } }, '', 401],
    [{ ...call, headers: basic({ id: ours.id, secret: 'wrong' }) }, '', 401],
    [{ ...call, headers: basic({ id: 'nobody', secret: 'wrong' }) }, '', 401],
    [{ ...call, headers: { ...call.headers, dpop: 'x' } }, '', 400],
    [call, '&client_secret=two', 400],
    [call, '&client_id=other', 400]
  ]
  for (const [what, more, status] of odd) {
    const answer = await over(what, more)
    t.equal(answer.statusCode, status, `${more} ${JSON.stringify(what.headers)}`)
  }
  t.equal((await over(call, '&unknown=1')).statusCode, 200)
})

void t.test('a client that is disabled, or its secret over, meanwhile: 401', async (t) => {
  const lost = [
    [
      'UPDATE client SET disabled_at = now() WHERE id = $1',
      'UPDATE client SET disabled_at = NULL WHERE id = $1'
    ],
    [
      "UPDATE client_secret SET expires_at = now() - interval '1 second' WHERE client_id = $1",
      'UPDATE client_secret SET expires_at = NULL WHERE client_id = $1'
    ]
  ] as const
  for (const [take, give] of lost) {
    const call = await givenCall(ours)
    await app.sql(take, [ours.id])
    t.equal((await over(call)).statusCode, 401, take)
    await app.sql(give, [ours.id])
    t.equal((await over(call)).statusCode, 200, 'the code was not touched')
  }
})

void t.test('a login that has ended meanwhile: refused', async (t) => {
  const call = await givenCall(ours)
  await app.sql(
    "UPDATE session SET revoked_at = now() WHERE user_id = $1 AND delivery = 'browser'",
    [user.id]
  )
  refused(t, await over(call), 'ended')
})
