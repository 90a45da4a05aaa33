import t from 'tap'
import { ISSUER, startApp } from '../../support/app.ts'
import { claimsOf, givenSession } from '../../support/builders.ts'
import { givenDpopKey } from '../../support/dpop.ts'
import { basic, givenAdmin, givenCode, postForm, redeem } from '../../support/oauth.ts'
import { verdict } from '../../support/replicas.ts'
import { exchange, givenGateway, givenShop, givenTokens, ownToken, STOCK } from './given.ts'

const app = await startApp(t)
const gateway = await givenGateway(app)
const shop = await givenShop(app, gateway)
const errorOf = (answer: Awaited<ReturnType<typeof exchange>>): string => answer.json().error

/** What introspection says, to who may know everything. */
async function isActive(token: string): Promise<boolean> {
  const watcher = await trusted
  const answer = await postForm(app, '/oauth/introspect', { token }, basic(watcher))
  return answer.json().active
}
const trusted = givenGateway(app, { resource_server: true })

async function givenExchanged(scope?: string) {
  const tokens = await givenTokens(app, shop, scope)
  const answer = await exchange(app, gateway, tokens.token)
  if (answer.statusCode !== 200) throw new Error(`exchange: ${answer.body}`)
  return { ...tokens, exchanged: String(answer.json().access_token) }
}

void t.test('a scope that either lacks: cannot be gained (SECURITY O12)', async (t) => {
  const { token } = await givenTokens(app, shop, 'orders:read offline_access admin')
  const lacking = {
    'stock:read': 'the subject token lacks it',
    admin: 'the client may not have it',
    'orders:read stock:read': 'one of two',
    offline_access: 'there is nothing to refresh'
  }
  for (const [scope, why] of Object.entries(lacking)) {
    t.equal(errorOf(await exchange(app, gateway, token, { scope })), 'invalid_scope', why)
  }
  const answer = await exchange(app, gateway, token)
  t.equal(claimsOf(answer.json().access_token)['scope'], 'orders:read')
})

void t.test(
  'claims that the subject token was asked with: told within the scopes of who has it now (SECURITY O12)',
  async (t) => {
    const talker = await givenShop(app, gateway, { scope: 'openid email phone' })
    const claims = JSON.stringify({ userinfo: { email: null, phone_number: null } })
    const grant = await givenCode(app, talker, { claims })
    const { access_token: token } = (await redeem(app, talker, grant)).json()
    t.ok('email' in (await app.get('/oauth/userinfo', token)).json(), 'the client itself is told')
    const audiences = [ISSUER]
    const mute = await givenGateway(app, { audiences, resource_server: true })
    const exchanged = (await exchange(app, mute, token)).json().access_token
    const answer = await app.get('/oauth/userinfo', exchanged)
    t.equal(answer.statusCode, 200, answer.body)
    t.same(Object.keys(answer.json()), ['sub'])
    const scope = 'openid email'
    const nosy = await givenGateway(app, { audiences, scope, resource_server: true })
    const on = (await exchange(app, nosy, exchanged)).json().access_token
    t.same(Object.keys((await app.get('/oauth/userinfo', on)).json()), ['sub'], 'nor who is next')
    const direct = (await exchange(app, nosy, token)).json().access_token
    const told = (await app.get('/oauth/userinfo', direct)).json()
    t.same(Object.keys(told).sort(), ['email', 'sub'], 'who may know it is told')
  }
)

void t.test('a subject token near its end: what is made of it ends with it', async (t) => {
  const { token } = await givenTokens(app, shop)
  const { iat, exp } = claimsOf(token) as { iat: number; exp: number }
  await app.moveTime(exp - iat - 30)
  const answer = await exchange(app, gateway, token)
  t.equal(answer.statusCode, 200, answer.body)
  t.equal(claimsOf(answer.json().access_token)['exp'], exp)
  t.ok(answer.json().expires_in <= 30)
  await app.moveTime(exp - iat + 1)
  t.equal(errorOf(await exchange(app, gateway, token)), 'invalid_request')
  await app.moveTime(0)
})

void t.test(
  'a session that ended: its exchanged tokens are refused, and no more are made',
  async (t) => {
    const { token, exchanged, refreshToken } = await givenExchanged()
    t.ok(await isActive(exchanged))
    await postForm(app, '/oauth/revoke', { token: refreshToken }, basic(shop))
    t.notOk(await isActive(exchanged))
    t.equal(errorOf(await exchange(app, gateway, token)), 'invalid_request')
  }
)

void t.test('a subject token that was given back: takes along what was made of it', async (t) => {
  const { token, exchanged } = await givenExchanged()
  const again = (await exchange(app, await trusted, exchanged)).json().access_token
  t.ok(await isActive(again))
  await postForm(app, '/oauth/revoke', { token }, basic(shop))
  t.notOk(await isActive(exchanged))
  t.notOk(await isActive(again), 'to the last of the chain')
})

void t.test(
  'a client that is disabled: takes along what was made of its tokens, and by it',
  async (t) => {
    const admin = { authorization: `Bearer ${await givenAdmin(app)}` }
    const [otherShop, otherGateway] = [await givenShop(app, gateway), await givenGateway(app)]
    const { token } = await givenTokens(app, otherShop)
    const exchanged = (await exchange(app, gateway, token)).json().access_token
    await app.post(`/admin/clients/${otherShop.id}/disable`, {}, admin)
    t.notOk(await isActive(token))
    t.notOk(await isActive(exchanged), 'made of its tokens')

    const own = await givenShop(app, otherGateway)
    const byIt = await exchange(app, otherGateway, (await givenTokens(app, own)).token)
    t.equal(byIt.statusCode, 200, byIt.body)
    await app.post(`/admin/clients/${otherGateway.id}/disable`, {}, admin)
    t.notOk(await isActive(byIt.json().access_token), 'made by it')
  }
)

void t.test(
  'a bound subject token, without a proof: not exchanged; with one, bound again',
  async (t) => {
    const bound = await givenShop(app, gateway, {
      redirect_uris: [],
      grant_types: ['client_credentials']
    })
    const key = await givenDpopKey()
    const token = await ownToken(app, bound, { dpop: await key.prove('/oauth/token') })
    t.strictSame(claimsOf(token)['cnf'], { jkt: key.jkt })
    t.equal(errorOf(await exchange(app, gateway, token)), 'invalid_dpop_proof')
    const own = await givenDpopKey()
    const dpop = await own.prove('/oauth/token')
    const answer = await exchange(app, gateway, token, {}, { dpop })
    t.equal(answer.json().token_type, 'DPoP', answer.body)
    t.strictSame(claimsOf(answer.json().access_token)['cnf'], { jkt: own.jkt })
    t.equal(
      errorOf(await exchange(app, gateway, token, {}, { dpop })),
      'invalid_dpop_proof',
      'once'
    )
  }
)

void t.test("a client's own bound token: exchanged with its own key only", async (t) => {
  const service = await givenGateway(app, { resource_server: true })
  const [key, other] = [await givenDpopKey(), await givenDpopKey()]
  const token = await ownToken(app, service, { dpop: await key.prove('/oauth/token') })
  const stolen = await exchange(
    app,
    service,
    token,
    {},
    { dpop: await other.prove('/oauth/token') }
  )
  t.equal(errorOf(stolen), 'invalid_request')
  const dpop = await key.prove('/oauth/token')
  t.equal((await exchange(app, service, token, {}, { dpop })).statusCode, 200)
})

void t.test(
  "a first-party login's token, exchanged: opens no door of ours (SECURITY T9)",
  async (t) => {
    const audiences = [ISSUER, STOCK, 'latchkey']
    const scope = 'openid profile admin users:read'
    const greedy = await givenGateway(app, {
      resource_server: true,
      audiences,
      scope,
      shows_roles: true
    })
    const admin = await givenAdmin(app)
    const { accessToken } = await givenSession(app)
    for (const token of [admin, accessToken]) {
      const answer = await exchange(app, greedy, token, { audience: ISSUER })
      t.equal(answer.statusCode, 200, answer.body)
      const exchanged = String(answer.json().access_token)
      t.equal(claimsOf(exchanged)['client_id'], greedy.id)
      for (const path of ['/auth/me', '/users/profile', '/users/sessions', '/admin/users']) {
        t.equal((await app.get(path, exchanged)).statusCode, 401, path)
      }
      const headers = { authorization: `Bearer ${exchanged}` }
      await app.post('/auth/logout', { scope: 'all' }, headers)
      t.equal((await app.get('/auth/me', token)).statusCode, 200, 'and ends no session')
      const latchkey = await exchange(app, greedy, token, { audience: 'latchkey' })
      const named = String(latchkey.json().access_token)
      t.equal((await app.get('/auth/me', named)).statusCode, 401, 'a name in aud is no client_id')
    }
  }
)

void t.test(
  'the issuer as audience, where the subject token is not for it: not to be had',
  async (t) => {
    const greedy = await givenGateway(app, { audiences: [ISSUER, STOCK], resource_server: true })
    const { token } = await givenTokens(app, shop)
    t.equal(claimsOf(token)['aud'], gateway.id)
    t.equal(errorOf(await exchange(app, greedy, token, { audience: ISSUER })), 'invalid_target')
    const answer = await exchange(app, greedy, token)
    t.equal(claimsOf(answer.json().access_token)['aud'], STOCK, 'left out where nobody asks')
    t.equal(await verdict(app, answer.json().access_token), 401)
  }
)

void t.test(
  'roles of a person: shown where the client shows roles, and the subject token did',
  async (t) => {
    const shows = await givenGateway(app, { resource_server: true, shows_roles: true })
    const admin = await givenAdmin(app)
    const rolesBy = async (client: typeof shows, token: string) =>
      claimsOf((await exchange(app, client, token)).json().access_token)['roles']
    t.same(await rolesBy(shows, admin), claimsOf(admin)['roles'])
    t.equal(await rolesBy(await trusted, admin), undefined)
    const { token } = await givenTokens(app, shop)
    t.equal(await rolesBy(shows, token), undefined, 'the shop shows none')
  }
)
