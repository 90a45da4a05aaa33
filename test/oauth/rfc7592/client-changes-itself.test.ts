import t from 'tap'
import { startApp } from '../../support/app.ts'
import { BASIC, registerClients } from '../../support/client-registration.ts'
import { givenCode, REDIRECT_URI, redeem } from '../../support/oauth.ts'
import { bearer } from '../../support/server-sessions.ts'

const app = await startApp(t, { DYNAMIC_REGISTRATION: 'open' })
const register = registerClients(app)

void t.test('a client reads, replaces and deletes itself', async (t) => {
  const told = (await register({ ...BASIC, client_name: 'Before' })).json()
  const { client_id: id, registration_access_token: token } = told
  const url = `/oauth/register/${id as string}`
  const call = async (method: 'GET' | 'PUT' | 'DELETE', body?: object, shown = token) =>
    app.app.inject({ method, url, headers: bearer(shown), ...(body && { body }) })
  const read = await call('GET')
  t.equal(read.statusCode, 200)
  const { client_secret: _s, client_secret_expires_at: _e, ...rest } = told
  t.same(read.json(), rest, 'all but the secret, of which only the hash is kept')

  const changes = {
    ...BASIC,
    client_id: id,
    client_name: 'After',
    client_secret: told.client_secret
  }
  t.equal((await call('PUT', { ...changes, client_id: 'other' })).statusCode, 400)
  t.equal((await call('PUT', { ...changes, client_secret: 'my own' })).statusCode, 400)
  t.equal((await call('PUT', { ...changes, scope: 'admin' })).statusCode, 400)
  const changed = await call('PUT', { ...changes, grant_types: undefined })
  t.match(changed.json(), { client_name: 'After', registration_access_token: token })
  t.notOk('client_secret' in changed.json())
  const toPublic = await call('PUT', { ...changes, token_endpoint_auth_method: 'none' })
  t.equal(toPublic.statusCode, 200)
  const back = (await call('PUT', { ...BASIC, client_id: id })).json()
  t.match(back.client_secret, /^lks_/)
  t.not(back.client_secret, told.client_secret)
  const old = { id, secret: told.client_secret }
  const grant = await givenCode(app, old)
  t.equal((await redeem(app, old, grant)).statusCode, 401, 'the old one is dead')
  const tokens = (await redeem(app, { id, secret: back.client_secret }, grant)).json()

  const foreign = (await register(BASIC)).json().registration_access_token
  for (const method of ['GET', 'PUT', 'DELETE'] as const) {
    for (const shown of [foreign, 'garbage', tokens.access_token]) {
      const refused = await call(method, method === 'PUT' ? changes : undefined, shown)
      t.equal(refused.statusCode, 401, `${method} ${refused.body}`)
      t.match(refused.headers['www-authenticate'], /^Bearer error="invalid_token"/)
    }
  }
  t.equal((await call('DELETE')).statusCode, 204)
  t.equal((await call('GET')).statusCode, 401)
  t.equal((await app.get('/oauth/userinfo', tokens.access_token)).statusCode, 401)
  t.same(await app.sql('SELECT id FROM client WHERE id = $1', [id]), [])
})

void t.test('a client that an operator has made their own: changes itself no more', async (t) => {
  const told = (await register(BASIC)).json()
  await app.sql('UPDATE client SET is_first_party = true WHERE id = $1', [told.client_id])
  const answer = await app.app.inject({
    method: 'PUT',
    url: `/oauth/register/${told.client_id as string}`,
    headers: bearer(told.registration_access_token),
    body: { client_id: told.client_id, redirect_uris: ['https://thief.example/cb'] }
  })
  t.equal(answer.json().error, 'invalid_client_metadata')
  const [row] = await app.sql('SELECT redirect_uris FROM client WHERE id = $1', [told.client_id])
  t.same(row, { redirect_uris: [REDIRECT_URI] })
})

void t.test('a client that an operator has restricted: cannot undo it', async (t) => {
  const grant_types = ['authorization_code', 'refresh_token']
  const told = (await register({ ...BASIC, grant_types, scope: 'openid email profile' })).json()
  await app.sql(
    `UPDATE client SET scopes = '{openid,email}', grant_types = '{authorization_code}', require_pkce = true,
            require_par = true, require_dpop = true WHERE id = $1`,
    [told.client_id]
  )
  const replace = async (more: object) =>
    app.app.inject({
      method: 'PUT',
      url: `/oauth/register/${told.client_id as string}`,
      headers: bearer(told.registration_access_token),
      body: { client_id: told.client_id, ...BASIC, ...more }
    })
  t.equal((await replace({ grant_types })).json().error, 'invalid_client_metadata')
  const lax = {
    scope: 'openid profile',
    require_pushed_authorization_requests: false,
    dpop_bound_access_tokens: false
  }
  t.equal((await replace(lax)).statusCode, 200)
  const rowOf = async () =>
    (
      await app.sql(
        'SELECT scopes, grant_types, require_pkce, require_par, require_dpop FROM client WHERE id = $1',
        [told.client_id]
      )
    )[0]
  const strict = {
    grant_types: ['authorization_code'],
    require_pkce: true,
    require_par: true,
    require_dpop: true
  }
  t.same(await rowOf(), { ...strict, scopes: ['openid'] })
  t.equal((await replace({})).statusCode, 200)
  t.same(await rowOf(), { ...strict, scopes: ['openid'] }, 'what it gave up is gone as well')
})
