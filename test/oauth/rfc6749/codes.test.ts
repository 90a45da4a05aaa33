import t from 'tap'
import { startApp } from '../../support/app.ts'
import { claimsOf } from '../../support/builders.ts'
import { givenClient, givenCode, redeem } from '../../support/oauth.ts'
import { givenPerson, refreshAs } from '../../support/oauth-grants.ts'
import { verdict } from '../../support/replicas.ts'
import { eventually } from '../../support/eventually.ts'
import { eventsOf, sessionRow } from '../../support/session-rows.ts'

const app = await startApp(t)
const client = await givenClient(app)
const other = await givenClient(app)
const person = await givenPerson(app)

void t.test(
  'a code shown twice: refused, and what the first began has ended (§4.1.2, §10.5)',
  async (t) => {
    const grant = await givenCode(app, client, {}, person)
    const tokens = (await redeem(app, client, grant)).json()
    const sid = String(claimsOf(tokens.access_token)['sid'])
    t.equal((await sessionRow(app, sid)).revoked_at, null)
    const again = await redeem(app, client, grant)
    t.equal(again.statusCode, 400)
    t.equal(again.json().error, 'invalid_grant')
    t.equal((await sessionRow(app, sid)).revoke_reason, 'code_reuse')
    t.equal((await refreshAs(app, client, tokens.refresh_token)).json().error, 'invalid_grant')
    await eventually('refusal', async () => (await verdict(app, tokens.access_token)) === 401)
    t.ok((await eventsOf(app, sid)).some(({ type }) => type === 'grant.code_reused'))
  }
)

void t.test('a code shown again after its life: still ends what it began (§4.1.2)', async (t) => {
  const grant = await givenCode(app, client, {}, person)
  const tokens = (await redeem(app, client, grant)).json()
  await app.moveTime(300)
  t.equal((await redeem(app, client, grant)).json().error, 'invalid_grant')
  const sid = String(claimsOf(tokens.access_token)['sid'])
  t.equal((await sessionRow(app, sid)).revoke_reason, 'code_reuse')
  await app.moveTime(0)
})

void t.test('a code after a minute: refused, and nothing begins (§4.1.2)', async (t) => {
  const grant = await givenCode(app, client, {}, person)
  await app.moveTime(61)
  t.equal((await redeem(app, client, grant)).json().error, 'invalid_grant')
  await app.moveTime(0)
})

void t.test(
  "another client's code: refused, and its own client can still use it (§4.1.3)",
  async (t) => {
    const grant = await givenCode(app, client, {}, person)
    t.equal((await redeem(app, other, grant)).json().error, 'invalid_grant')
    t.equal((await redeem(app, client, grant)).statusCode, 200)
    t.equal((await redeem(app, other, grant)).json().error, 'invalid_grant')
    const [{ count }] = (await app.sql<{ count: number }>(
      `SELECT count(*)::int AS count FROM session WHERE client_id = $1 AND revoke_reason = 'code_reuse'`,
      [client.id]
    )) as [{ count: number }]
    t.equal(count, 2, 'a stranger ends nothing: only the sessions of the two tests before')
  }
)

void t.test('a code of a login that has ended: refused (§4.1.3)', async (t) => {
  const leaver = await givenPerson(app)
  const grant = await givenCode(app, client, {}, leaver)
  await leaver.browser.post('/logout', {})
  t.equal((await redeem(app, client, grant)).json().error, 'invalid_grant')
})

void t.test('a code of somebody who was disabled: refused (§4.1.3)', async (t) => {
  const banned = await givenPerson(app)
  const grant = await givenCode(app, client, {}, banned)
  await app.sql(`UPDATE users SET status = 'disabled' WHERE id = $1`, [banned.user.id])
  t.equal((await redeem(app, client, grant)).json().error, 'invalid_grant')
})

void t.test('a code in the database: only its hash (§10.5)', async (t) => {
  const { code } = await givenCode(app, client, {}, person)
  const rows = await app.sql<{ row: string }>('SELECT c::text AS row FROM authorization_code c')
  t.notOk(rows.some(({ row }) => row.includes(code)))
})

void t.test('a disabled client: neither codes nor refreshes (§10.1)', async (t) => {
  const gone = await givenClient(app)
  const grant = await givenCode(app, gone, {}, person)
  const tokens = (await redeem(app, gone, await givenCode(app, gone, {}, person))).json()
  await app.sql('UPDATE client SET disabled_at = latchkey_now() WHERE id = $1', [gone.id])
  t.equal((await redeem(app, gone, grant)).json().error, 'invalid_client')
  t.equal((await refreshAs(app, gone, tokens.refresh_token)).json().error, 'invalid_client')
})

void t.test(
  'a code whose consent was taken back meanwhile: refused, and nothing begins (SECURITY T7)',
  async (t) => {
    const leaver = await givenPerson(app)
    const grant = await givenCode(app, client, {}, leaver)
    await leaver.browser.post('/account/apps/revoke', { client_id: client.id })
    t.equal((await redeem(app, client, grant)).json().error, 'invalid_grant')
    const begun = 'SELECT FROM session WHERE user_id = $1 AND client_id = $2'
    t.same(await app.sql(begun, [leaver.user.id, client.id]), [])
  }
)

void t.test('access taken back from a client of our own: its session ends too', async (t) => {
  const own = await givenClient(app, { first_party: true })
  const leaver = await givenPerson(app)
  const tokens = (await redeem(app, own, await givenCode(app, own, {}, leaver))).json()
  await leaver.browser.post('/account/apps/revoke', { client_id: own.id })
  const sid = String(claimsOf(tokens.access_token)['sid'])
  t.equal((await sessionRow(app, sid)).revoke_reason, 'consent_revoked')
})

void t.test(
  'what a client lost between the agreement and the code: not in its tokens (§3.3, SECURITY T6)',
  async (t) => {
    const audiences = ['https://one.example', 'https://two.example']
    const loser = await givenClient(app, { scope: 'openid email orders:read', audiences })
    const keep = async (scopes: string[], left: string[]) =>
      app.sql('UPDATE client SET scopes = $2, audiences = $3 WHERE id = $1', [
        loser.id,
        scopes,
        left
      ])
    const asked = { scope: 'openid email orders:read' }
    const grant = await givenCode(app, loser, asked, person)
    const late = await givenCode(app, loser, asked, person)
    await keep(['orders:read'], audiences.slice(1))
    const tokens = (await redeem(app, loser, grant)).json()
    t.equal(tokens.scope, 'orders:read')
    t.match(claimsOf(tokens.access_token), { scope: 'orders:read', aud: 'https://two.example' })
    t.notOk('id_token' in tokens, 'openid is gone too')
    await keep(['orders:read'], [])
    const none = await redeem(app, loser, late)
    t.equal(none.json().error, 'invalid_target', 'never a token for this server instead')
  }
)
