import t from 'tap'
import { readConfig } from '../../src/config.ts'
import { ISSUER, startApp, type TestApp } from '../support/app.ts'
import { givenSession } from '../support/builders.ts'
import { givenAdmin, REDIRECT_URI } from '../support/oauth.ts'
import { bearer } from '../support/server-sessions.ts'

const app = await startApp(t, {
  DYNAMIC_REGISTRATION: 'token',
  RATE_LIMIT_CLIENT_REGISTRATION_PER_HOUR: '1000'
})
const admin = await givenAdmin(app)
const TOKENS = '/admin/clients/initial-access-tokens'

async function givenToken(policy: object = {}) {
  const answer = await app.post(TOKENS, { name: 'Partner', ...policy }, bearer(admin))
  if (answer.statusCode !== 201) throw new Error(answer.body)
  return answer.json<{ token: string; initial_access_token: Record<string, unknown> }>()
}

const register = (token: string, body: object = {}, at: TestApp = app) =>
  at.post('/oauth/register', { redirect_uris: [REDIRECT_URI], ...body }, bearer(token))

const revoke = (id: unknown) =>
  app.app.inject({ method: 'DELETE', url: `${TOKENS}/${String(id)}`, headers: bearer(admin) })

void t.test('registering, without a token that holds: refused', async (t) => {
  const { token, initial_access_token: entry } = await givenToken({ expires_in_days: 1 })
  t.equal((await register(token)).statusCode, 201)
  const bare = await app.post('/oauth/register', { redirect_uris: [REDIRECT_URI] })
  t.equal(bare.statusCode, 401)
  t.equal(bare.json().error, 'invalid_token')
  t.match(bare.headers['www-authenticate'], /^Bearer/)
  for (const wrong of ['lki_made-up', admin]) {
    t.equal((await register(wrong)).statusCode, 401)
  }
  await app.moveTime(86_401)
  t.equal((await register(token)).statusCode, 401, 'expired')
  await app.moveTime(0)
  t.equal((await register(token)).statusCode, 201)
  t.equal((await revoke(entry['id'])).statusCode, 200)
  t.equal((await revoke(entry['id'])).statusCode, 200, 'may be repeated')
  t.equal((await register(token)).statusCode, 401, 'revoked')
  t.equal((await revoke('00000000-0000-7000-8000-000000000000')).statusCode, 404)
  const dump = JSON.stringify(await app.sql('SELECT * FROM initial_access_token'))
  t.notOk(dump.includes(token), 'only its hash is kept')
  const events = await app.sql<{ type: string; details: object }>(
    "SELECT type, details FROM audit_event WHERE type LIKE 'initial_access_token.%' ORDER BY id"
  )
  t.same(
    events.map(({ type }) => type),
    ['initial_access_token.created', 'initial_access_token.revoked']
  )
})

void t.test(
  'the policy of a token: bounds what is registered, and every change of it',
  async (t) => {
    const { token, initial_access_token: entry } = await givenToken({
      require_pkce: false,
      scope: 'openid orders:read',
      grant_types: ['authorization_code'],
      audiences: ['https://orders.example']
    })
    for (const body of [
      { scope: 'email' },
      { grant_types: ['authorization_code', 'refresh_token'] },
      { grant_types: ['client_credentials'] }
    ]) {
      t.equal((await register(token, body)).json().error, 'invalid_client_metadata')
    }
    const told = (await register(token, { scope: 'openid email' })).json()
    t.match(told, { scope: 'openid', audiences: ['https://orders.example'], require_pkce: false })
    await revoke(entry['id'])
    const answer = await app.app.inject({
      method: 'PUT',
      url: `/oauth/register/${told.client_id as string}`,
      headers: bearer(told.registration_access_token),
      body: { client_id: told.client_id, redirect_uris: [REDIRECT_URI], scope: 'email' }
    })
    t.equal(answer.json().error, 'invalid_client_metadata', 'after its revocation too')
    const [row] = await app.sql('SELECT scopes, require_pkce FROM client WHERE id = $1', [
      told.client_id
    ])
    t.same(row, { scopes: ['openid'], require_pkce: false })
  }
)

void t.test(
  'the tokens, listed: newest first, without the secret, for administrators',
  async (t) => {
    const { initial_access_token: entry } = await givenToken({ name: 'Newest' })
    const [first] = (await app.get(TOKENS, admin)).json().initial_access_tokens
    t.same(first, entry)
    t.equal(first.require_pkce, true)
    const { accessToken } = await givenSession(app)
    t.equal((await app.get(TOKENS, accessToken)).statusCode, 403)
    t.equal((await app.post(TOKENS, { name: 'Mine' }, bearer(accessToken))).statusCode, 403)
    const wrong = await app.post(TOKENS, { name: 'Wrong', first_party: true }, bearer(admin))
    t.equal(wrong.statusCode, 422)
  }
)

void t.test('registration that is off: there is no such door, and no word of one', async (t) => {
  const off = await startApp(t)
  t.equal((await off.post('/oauth/register', {})).statusCode, 404)
  const path = '/.well-known/openid-configuration'
  t.notOk('registration_endpoint' in (await off.get(path)).json())
  const { registration_endpoint: told } = (await app.get(path)).json()
  t.equal(told, `${ISSUER}/oauth/register`)
})

void t.test('registration for everybody, in production: no start', (t) => {
  const env = { NODE_ENV: 'production', DYNAMIC_REGISTRATION: 'open' }
  t.throws(() => readConfig(env), /DYNAMIC_REGISTRATION must be off or token in production/)
  t.end()
})

void t.test('registrations from one address: limited', async (t) => {
  const strict = await startApp(t, {
    DYNAMIC_REGISTRATION: 'open',
    RATE_LIMIT_CLIENT_REGISTRATION_PER_HOUR: '2'
  })
  const statuses = []
  for (let i = 0; i < 3; i += 1) {
    const body = { redirect_uris: [REDIRECT_URI] }
    statuses.push((await strict.post('/oauth/register', body)).statusCode)
  }
  t.same(statuses, [201, 201, 429])
})
