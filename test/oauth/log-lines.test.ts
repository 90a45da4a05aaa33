import t from 'tap'
import { logStream } from '../../src/http/log-stream.ts'
import { startApp } from '../support/app.ts'
import { claimsOf } from '../support/builders.ts'
import { eventually } from '../support/eventually.ts'
import { DEVICE_GRANT } from '../support/device.ts'
import { givenClient, postForm } from '../support/oauth.ts'
import { givenPerson, givenTokens, postAs, refreshAs } from '../support/oauth-grants.ts'

const lines: string[] = []
logStream.write = (line) => void lines.push(line)

const app = await startApp(t, { LOG_LEVEL: 'info' })
const client = await givenClient(app, {
  scope: 'openid offline_access',
  grant_types: ['authorization_code', 'refresh_token', DEVICE_GRANT]
})
const person = await givenPerson(app)
const tokens = await givenTokens(app, client, person, { scope: 'openid offline_access' })
const sessionId = String(claimsOf(tokens.access_token)['sid'])
const [login] = await app.sql<{ id: string }>('SELECT parent_id AS id FROM session WHERE id = $1', [
  sessionId
])
const grant = { userId: person.user.id, sessionId }
const browser = { userId: person.user.id, sessionId: login?.id }

/** The line of a request, by the id that its answer has. */
async function lineOf({ headers }: { headers: Record<string, unknown> }) {
  return eventually('its line', () => {
    const all = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
    const own = all.find(({ msg, reqId }) => msg === 'request' && reqId === headers['x-request-id'])
    return Promise.resolve(own)
  })
}

void t.test('a request for userinfo: its line names the person and the session', async (t) => {
  const { access_token: token } = tokens
  t.match(await lineOf(await app.get('/oauth/userinfo', token)), grant)
  t.match(await lineOf(await postForm(app, '/oauth/userinfo', { access_token: token })), grant)
  const garbage = await lineOf(await app.get('/oauth/userinfo', 'x'))
  t.notOk('userId' in garbage || 'sessionId' in garbage, 'of nobody: nobody')
})

void t.test('a token that is asked about: whose it is stands in the line', async (t) => {
  const ask = (token: string, headers = {}) =>
    postAs(app, client, '/oauth/introspect', { token }, headers)
  const server = await givenClient(app, { resource_server: true })
  const access = await postAs(app, server, '/oauth/introspect', { token: tokens.access_token })
  t.equal(access.json().active, true)
  t.match(await lineOf(access), { sessionId })
  t.match(await lineOf(await ask(tokens.refresh_token)), grant)
  const accept = { accept: 'application/token-introspection+jwt' }
  t.match(await lineOf(await ask(tokens.refresh_token, accept)), grant, 'signed as well')
  const foreign = await lineOf(
    await postAs(app, server, '/oauth/introspect', { token: tokens.refresh_token })
  )
  t.notOk('userId' in foreign || 'sessionId' in foreign, 'not where nothing is told')
})

void t.test('a decision at the device page: the browser’s login stands in the line', async (t) => {
  const asked = await postAs(app, client, '/oauth/device_authorization', { scope: 'openid' })
  const { user_code: code, device_code: deviceCode } = asked.json()
  const decided = await person.browser.post('/device/decide', {
    user_code: code,
    decision: 'allow'
  })
  t.equal(decided.statusCode, 200)
  t.match(await lineOf(decided), browser)
  const form = { grant_type: DEVICE_GRANT, device_code: deviceCode as string }
  const polled = await postAs(app, client, '/oauth/token', form)
  t.match(await lineOf(polled), { userId: person.user.id, sessionId: String })
})

void t.test('a token that is given back: whose it was stands in the line', async (t) => {
  const revoke = (token: string) => postAs(app, client, '/oauth/revoke', { token })
  t.match(await lineOf(await revoke(tokens.access_token)), { sessionId })
  const next = await refreshAs(app, client, tokens.refresh_token)
  t.match(await lineOf(next), grant)
  t.match(await lineOf(await revoke(next.json().refresh_token)), grant)
  const unknown = await lineOf(await revoke('x'))
  t.notOk('userId' in unknown || 'sessionId' in unknown)
})

void t.test('all these lines: no secret in them (SECURITY H3)', (t) => {
  const log = lines.join('')
  for (const secret of [tokens.access_token, tokens.refresh_token, tokens.id_token]) {
    t.notOk(log.includes(secret.split('.').at(-1) ?? ''))
  }
  t.notOk(log.includes(person.user.email))
  t.end()
})
