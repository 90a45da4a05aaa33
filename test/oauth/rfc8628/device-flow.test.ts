import t from 'tap'
import { ISSUER, startApp } from '../../support/app.ts'
import { claimsOf } from '../../support/builders.ts'
import {
  askForCodes,
  decide,
  DEVICE_GRANT,
  givenDevice,
  givenDeviceClient,
  givenPerson,
  poll
} from '../../support/device.ts'
import { basic, givenClient, postForm } from '../../support/oauth.ts'

const app = await startApp(t)
const client = await givenDeviceClient(app, { scope: 'openid email offline_access orders:read' })
const { user, browser } = await givenPerson(app)

void t.test(
  'a device, asking for codes: gets what it shows and what it asks with (§3.2)',
  async (t) => {
    const answer = await askForCodes(app, client, { scope: 'openid' })
    t.equal(answer.statusCode, 200, answer.body)
    t.equal(answer.headers['cache-control'], 'no-store')
    const codes = answer.json()
    t.match(codes.device_code, /^[\w-]{43}$/, '256 bits')
    t.match(codes.user_code, /^[2-9A-HJ-NP-Z]{4}-[2-9A-HJ-NP-Z]{4}$/)
    t.match(codes, { verification_uri: `${ISSUER}/device`, expires_in: 600, interval: 5 })
    t.equal(codes.verification_uri_complete, `${ISSUER}/device?user_code=${codes.user_code}`)
    const rows = await app.sql('SELECT * FROM device_authorization')
    const kept = JSON.stringify(rows.map((row) => Object.values(row).map(String)))
    for (const secret of [codes.device_code, codes.user_code, codes.user_code.replace('-', '')]) {
      t.notOk(kept.includes(secret), 'only hashes are kept')
    }
  }
)

void t.test(
  'codes, asked for by who may not have them: refused (§3.1, RFC 6749 §5.2)',
  async (t) => {
    const other = await givenClient(app)
    const refusals = [
      [await askForCodes(app, other), 400, 'unauthorized_client'],
      [await askForCodes(app, { id: 'nobody', secret: null }), 401, 'invalid_client'],
      [await askForCodes(app, { id: other.id, secret: 'wrong' }), 401, 'invalid_client'],
      [await askForCodes(app, client, { scope: 'admin' }), 400, 'invalid_scope'],
      [await askForCodes(app, client, { resource: 'https://x.example' }), 400, 'invalid_target']
    ] as const
    for (const [answer, status, error] of refusals) {
      t.equal(answer.statusCode, status, error)
      t.equal(answer.json().error, error)
    }
  }
)

void t.test(
  'a code, typed and allowed: the device gets tokens for that person (§3.4, §3.5)',
  async (t) => {
    const device = await givenDevice(app, client, { scope: 'openid orders:read' })
    t.equal((await poll(app, client, device.device_code)).json().error, 'authorization_pending')
    const shown = await browser.post('/device', { user_code: device.user_code })
    t.equal(shown.statusCode, 200)
    t.match(shown.body, 'Television')
    t.match(shown.body, 'orders:read')
    t.match(shown.body, device.user_code, 'to be held against the device (§3.3.1)')
    t.match(shown.body, 'another device asks', 'and a warning (§5.4)')
    await app.moveTime(6)
    t.equal((await poll(app, client, device.device_code)).json().error, 'authorization_pending')
    t.equal((await decide(browser, device.user_code)).statusCode, 200)

    const answer = await poll(app, client, device.device_code)
    t.equal(answer.statusCode, 200, answer.body)
    const tokens = answer.json()
    t.match(tokens, { token_type: 'Bearer', scope: 'openid orders:read' })
    t.match(claimsOf(tokens.access_token), { sub: user.id, client_id: client.id, amr: ['pwd'] })
    t.match(claimsOf(tokens.id_token), { sub: user.id, aud: client.id })
    const { sid } = claimsOf(tokens.access_token)
    const [session] = await app.sql<{ is_child: boolean }>(
      `SELECT p.delivery = 'browser' AS is_child FROM session s JOIN session p ON p.id = s.parent_id
      WHERE s.id = $1`,
      [sid]
    )
    t.ok(session?.is_child, 'a child of the login that agreed')
    const [consent] = await app.sql('SELECT scopes FROM consent WHERE client_id = $1', [client.id])
    t.strictSame(consent?.['scopes'].toSorted(), ['openid', 'orders:read'])

    const form = { grant_type: 'refresh_token', refresh_token: tokens.refresh_token }
    const refreshed = await postForm(app, '/oauth/token', { ...form, client_id: client.id })
    t.equal(refreshed.statusCode, 200, refreshed.body)
  }
)

void t.test('a device code, shown a second time: refused, and what it began ends', async (t) => {
  const device = await givenDevice(app, client)
  await decide(browser, device.user_code)
  const { access_token: token } = (await poll(app, client, device.device_code)).json()
  t.equal((await app.get('/oauth/userinfo', token)).statusCode, 200)
  const again = await poll(app, client, device.device_code)
  t.equal(again.json().error, 'invalid_grant')
  t.equal((await app.get('/oauth/userinfo', token)).statusCode, 401)
  const sql = 'SELECT revoke_reason FROM session WHERE id = $1'
  const [session] = await app.sql(sql, [claimsOf(token)['sid']])
  t.equal(session?.['revoke_reason'], 'code_reuse')
})

void t.test('a code, refused: the device is told so, and nothing begins (§3.5)', async (t) => {
  const device = await givenDevice(app, client)
  t.equal((await decide(browser, device.user_code, 'deny')).statusCode, 200)
  t.equal((await poll(app, client, device.device_code)).json().error, 'access_denied')
  const [row] = await app.sql(
    "SELECT count(*)::int AS n FROM audit_event WHERE type = 'device.denied' AND user_id = $1",
    [user.id]
  )
  t.equal(row?.['n'], 1)
  t.equal((await decide(browser, device.user_code)).statusCode, 400, 'a no stays a no')
})

void t.test('a device code of another client: refused, and kills nothing (§3.4)', async (t) => {
  const device = await givenDevice(app, client)
  const other = await givenDeviceClient(app)
  await decide(browser, device.user_code)
  t.equal((await poll(app, other, device.device_code)).json().error, 'invalid_grant')
  t.equal((await poll(app, client, 'x'.repeat(43))).json().error, 'invalid_grant')
  t.equal((await poll(app, client, device.device_code)).statusCode, 200)
})

void t.test(
  'a poll without a device code, or by who has no such grant: refused (§3.4)',
  async (t) => {
    const form = { grant_type: DEVICE_GRANT }
    const bare = await postForm(app, '/oauth/token', { ...form, client_id: client.id })
    t.equal(bare.json().error, 'invalid_request')
    const other = await givenClient(app)
    const answer = await postForm(app, '/oauth/token', { ...form, device_code: 'x' }, basic(other))
    t.equal(answer.json().error, 'unauthorized_client')
  }
)

void t.test('a login that ended before the device asked: nothing begins', async (t) => {
  const person = await givenPerson(app)
  const device = await givenDevice(app, client)
  await decide(person.browser, device.user_code)
  await person.browser.post('/logout', {})
  t.equal((await poll(app, client, device.device_code)).json().error, 'invalid_grant')
})

void t.test('a confidential device, with its secret: the same (§3.1)', async (t) => {
  const box = await givenDeviceClient(app, { token_endpoint_auth_method: 'client_secret_basic' })
  const device = await givenDevice(app, box)
  await decide(browser, device.user_code)
  const stranger = await poll(app, { id: box.id, secret: null }, device.device_code)
  t.equal(stranger.json().error, 'invalid_client', 'without its secret it is nobody')
  t.equal((await poll(app, box, device.device_code)).statusCode, 200)
})

void t.test('the metadata: tells the endpoint and the grant (§4)', async (t) => {
  const metadata = (await app.get('/.well-known/oauth-authorization-server')).json()
  t.equal(metadata.device_authorization_endpoint, `${ISSUER}/oauth/device_authorization`)
  t.ok(metadata.grant_types_supported.includes(DEVICE_GRANT))
})

void t.test(
  'an approval whose consent was taken back before the poll: denied (SECURITY T7)',
  async (t) => {
    const device = await givenDevice(app, client)
    await decide(browser, device.user_code)
    await browser.post('/account/apps/revoke', { client_id: client.id })
    const answer = await poll(app, client, device.device_code)
    t.equal(answer.json().error, 'access_denied')
    const [row] = await app.sql(
      'SELECT spent_at FROM device_authorization WHERE client_id = $1 ORDER BY created_at DESC LIMIT 1',
      [client.id]
    )
    t.equal(row?.['spent_at'], null)
  }
)

void t.test(
  'what a client lost between the approval and the poll: not in its tokens (SECURITY T6)',
  async (t) => {
    const audiences = ['https://one.example', 'https://two.example']
    const loser = await givenDeviceClient(app, { scope: 'openid email orders:read', audiences })
    const device = await givenDevice(app, loser, { scope: 'openid email orders:read' })
    await decide(browser, device.user_code)
    await app.sql('UPDATE client SET scopes = $2, audiences = $3 WHERE id = $1', [
      loser.id,
      ['orders:read'],
      audiences.slice(1)
    ])
    const tokens = (await poll(app, loser, device.device_code)).json()
    t.match(claimsOf(tokens.access_token), { scope: 'orders:read', aud: 'https://two.example' })
    t.notOk('id_token' in tokens, 'openid is gone too')
  }
)
