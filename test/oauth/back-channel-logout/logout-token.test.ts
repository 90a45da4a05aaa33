import { createLocalJWKSet, jwtVerify, type JWTPayload } from 'jose'
import t from 'tap'
import { ISSUER, startApp } from '../../support/app.ts'
import { claimsOf, givenSession } from '../../support/builders.ts'
import { eventually } from '../../support/eventually.ts'
import { headerOf } from '../../support/jws.ts'
import { startLogoutListener, type Heard } from '../../support/logout-listener.ts'
import { givenClient } from '../../support/oauth.ts'
import {
  givenPerson,
  givenTokens,
  outcomeOf,
  postAs,
  refreshAs
} from '../../support/oauth-grants.ts'

const { host, heard, answers } = await startLogoutListener(t)
const app = await startApp(t, { OUTBOUND_ALLOWED_HOSTS: host })
const keys = createLocalJWKSet((await app.get('/.well-known/jwks.json')).json())

async function givenListener(path: string, more = {}) {
  return givenClient(app, { backchannel_logout_uri: `http://${host}${path}`, ...more })
}

async function notices(path: string, count: number): Promise<Heard[]> {
  return eventually(`${count} notices at ${path}`, () => {
    const found = heard.filter((one) => one.path === path)
    return Promise.resolve(found.length >= count ? found : undefined)
  })
}

async function verified(token: string, audience: string): Promise<JWTPayload> {
  return (await jwtVerify(token, keys, { issuer: ISSUER, audience })).payload
}

void t.test('a login that ends: each application hears it, in the form of §2.5', async (t) => {
  const [one, two] = [
    await givenListener('/one'),
    await givenListener('/two', { subject_type: 'pairwise' })
  ]
  const deaf = await givenClient(app)
  const person = await givenPerson(app)
  const first = await givenTokens(app, one, person)
  const second = await givenTokens(app, two, person)
  await givenTokens(app, deaf, person)
  await person.browser.post('/logout', {})
  for (const [path, client, tokens] of [
    ['/one', one, first],
    ['/two', two, second]
  ] as const) {
    const [notice] = await notices(path, 1)
    t.match(notice, { type: /^application\/x-www-form-urlencoded/, cookie: undefined })
    const { token = '' } = notice ?? {}
    t.match(headerOf(token), { typ: 'logout+jwt', alg: 'RS256' }, '§2.4')
    const payload = await verified(token, client.id)
    const { sub, sid } = claimsOf(tokens.id_token)
    t.match(payload, { sub, sid, jti: String, iat: Number, exp: Number })
    t.same(payload['events'], { 'http://schemas.openid.net/event/backchannel-logout': {} })
    t.notOk('nonce' in payload, '§2.4: prohibited')
    t.ok(Number(payload.exp) - Number(payload.iat) <= 120, '§2.4')
  }
})

void t.test('RP-initiated logout: the others hear of it (§2.5)', async (t) => {
  const [asker, hearer] = [await givenClient(app), await givenListener('/hearer')]
  const person = await givenPerson(app)
  const { id_token: hint } = await givenTokens(app, asker, person)
  await givenTokens(app, hearer, person)
  await outcomeOf(person.browser, `/oauth/logout?id_token_hint=${hint}`)
  const [notice] = await notices('/hearer', 1)
  t.equal((await verified(notice?.token ?? '', hearer.id)).sub, person.user.id)
})

void t.test(
  'an application that does not take it: told again, with the same jti (§2.8)',
  async (t) => {
    const client = await givenListener('/busy')
    const person = await givenPerson(app)
    await givenTokens(app, client, person)
    answers.push(500)
    await person.browser.post('/logout', {})
    await notices('/busy', 1)
    await eventually('the next attempt, moved to now', async () => {
      const rows = await app.sql(
        `UPDATE outbox_message SET next_attempt_at = latchkey_now()
          WHERE kind = 'logout_notice' AND sent_at IS NULL AND last_error IS NOT NULL RETURNING id`
      )
      return rows.length > 0
    })
    const [first, second] = await notices('/busy', 2)
    t.equal(claimsOf(first?.token ?? '')['jti'], claimsOf(second?.token ?? '')['jti'])
  }
)

void t.test('a logout token shown as another kind: opens nothing (§4)', async (t) => {
  const client = await givenListener('/kind')
  const person = await givenPerson(app)
  await givenTokens(app, client, person)
  await person.browser.post('/logout', {})
  const [notice] = await notices('/kind', 1)
  const token = notice?.token ?? ''
  for (const path of ['/oauth/userinfo', '/verify-token', '/auth/me']) {
    t.equal((await app.get(path, token)).statusCode, 401, path)
  }
  t.equal((await postAs(app, client, '/oauth/introspect', { token })).body, '{"active":false}')
  const logout = await app.get(`/oauth/logout?id_token_hint=${token}`)
  t.equal(logout.statusCode, 400)
})

void t.test(
  'a grant with offline_access: its application hears that the login has ended, and keeps its refresh token (§2.5, §2.7)',
  async (t) => {
    const client = await givenListener('/offline')
    const online = await givenListener('/online')
    const person = await givenPerson(app)
    const elsewhere = await givenPerson(app)
    const tokens = await givenTokens(app, client, person, { scope: 'openid offline_access' })
    await givenTokens(app, client, elsewhere, { scope: 'openid offline_access' })
    await givenTokens(app, online, person)
    await person.browser.post('/logout', {})
    await notices('/online', 1)
    const [notice] = await notices('/offline', 1)
    const { sub, sid } = claimsOf(tokens.id_token)
    t.match(await verified(notice?.token ?? '', client.id), { sub, sid })
    const next = await refreshAs(app, client, tokens.refresh_token)
    t.equal(next.statusCode, 200, next.body)
    t.equal((await app.get('/oauth/userinfo', next.json().access_token)).statusCode, 200)
    const [row] = await app.sql(
      "SELECT count(*)::int AS n FROM audit_event WHERE type = 'session.ended' AND session_id = $1",
      [sid]
    )
    t.equal(row?.['n'], 0, 'it has not ended')
    t.equal(heard.filter(({ path }) => path === '/offline').length, 1, 'nor has anybody else’s')
    t.equal(heard.filter(({ path }) => path === '/online').length, 1)
  }
)

void t.test(
  'a password that is changed elsewhere: ends grants with offline_access too, told once (§2.5)',
  async (t) => {
    const client = await givenListener('/changed')
    const person = await givenPerson(app)
    const { id_token: idToken } = await givenTokens(app, client, person, {
      scope: 'openid offline_access'
    })
    const { accessToken } = await givenSession(app, person.user)
    const body = {
      current_password: person.user.password,
      new_password: 'another-Horse-71-battery'
    }
    const headers = { authorization: `Bearer ${accessToken}` }
    const answer = await app.post('/users/change-password', body, headers)
    t.equal(answer.statusCode, 200, answer.body)
    const [notice] = await notices('/changed', 1)
    t.equal(claimsOf(notice?.token ?? '')['sid'], claimsOf(idToken)['sid'])
    await eventually('no notice waits', async () => {
      const sql = "SELECT 1 FROM outbox_message WHERE kind = 'logout_notice' AND sent_at IS NULL"
      return (await app.sql(sql)).length === 0
    })
    t.equal(heard.filter(({ path }) => path === '/changed').length, 1)
  }
)

void t.test('the metadata: says so (§2.1)', async (t) => {
  const metadata = (await app.get('/.well-known/openid-configuration')).json()
  t.equal(metadata.backchannel_logout_supported, true)
  t.equal(metadata.backchannel_logout_session_supported, true)
})
