import t from 'tap'
import { ISSUER, startApp } from '../../support/app.ts'
import { claimsOf } from '../../support/builders.ts'
import { eventually } from '../../support/eventually.ts'
import { givenClient, openBrowser, type TestBrowser } from '../../support/oauth.ts'
import {
  givenPerson,
  givenTokens,
  outcomeOf,
  pkceUrl,
  refreshAs
} from '../../support/oauth-grants.ts'
import { sessionRow } from '../../support/session-rows.ts'

const app = await startApp(t)
const HOME = 'https://shop.example/bye?from=logout'
const client = await givenClient(app, { post_logout_redirect_uris: [HOME] })
const other = await givenClient(app, { post_logout_redirect_uris: ['https://other.example/bye'] })

async function givenLogin() {
  const person = await givenPerson(app)
  return { ...person, tokens: await givenTokens(app, client, person) }
}
const logoutUrl = (query: Record<string, string>) =>
  `/oauth/logout?${new URLSearchParams(query).toString()}`
const isLoggedIn = async (browser: TestBrowser) =>
  (await outcomeOf(browser, pkceUrl(client, { prompt: 'none' }))).told?.['error'] !==
  'login_required'

void t.test(
  'a hint and a registered destination: logged out, and there, with state (§2, §3)',
  async (t) => {
    const { browser, tokens } = await givenLogin()
    const { id_token: id_token_hint } = tokens
    const query = { id_token_hint, post_logout_redirect_uri: HOME, state: 'a b&c' }
    const { status, location } = await outcomeOf(browser, logoutUrl(query))
    t.equal(status, 303)
    t.equal(location, `${HOME}&state=a+b%26c`)
    t.notOk(await isLoggedIn(browser))
    t.equal((await refreshAs(app, client, tokens.refresh_token)).json().error, 'invalid_grant')
  }
)

void t.test('no state: the destination to the letter (§3)', async (t) => {
  const { browser, tokens } = await givenLogin()
  const query = {
    id_token_hint: tokens.id_token,
    post_logout_redirect_uri: HOME,
    client_id: client.id
  }
  t.equal((await outcomeOf(browser, logoutUrl(query))).location, HOME)
})

void t.test('a POST: as the GET (§2)', async (t) => {
  const { browser, tokens } = await givenLogin()
  const form = { id_token_hint: tokens.id_token, post_logout_redirect_uri: HOME }
  const answer = await browser.post('/oauth/logout', form)
  t.equal(answer.statusCode, 303)
  t.equal((await outcomeOf(browser, String(answer.headers.location))).location, HOME)
  t.notOk(await isLoggedIn(browser))
})

void t.test('a hint that has expired: still names who is meant (§2)', async (t) => {
  const { browser, tokens } = await givenLogin()
  await app.moveTime(3_600)
  const query = { id_token_hint: tokens.id_token, post_logout_redirect_uri: HOME }
  t.equal((await outcomeOf(browser, logoutUrl(query))).location, HOME)
  await app.moveTime(0)
})

const { tokens: spare } = await givenLogin()
const [head = '', , signature = ''] = spare.id_token.split('.')
const forged = Buffer.from(JSON.stringify({ ...claimsOf(spare.id_token), sub: 'x' })).toString(
  'base64url'
)

for (const [what, query] of [
  ['a destination of another client', { post_logout_redirect_uri: 'https://other.example/bye' }],
  ['a destination with more query', { post_logout_redirect_uri: `${HOME}&x=1` }],
  ['a destination with a fragment', { post_logout_redirect_uri: `${HOME}#x` }],
  ['a destination of nobody', { post_logout_redirect_uri: 'https://evil.example/' }],
  ['another client_id', { client_id: other.id }],
  ['a forged hint', { id_token_hint: `${head}.${forged}.${signature}` }],
  ['a hint that is an access token', { id_token_hint: spare.access_token }],
  ['a hint that is no JWT', { id_token_hint: 'x' }],
  ['no hint, with a destination', { id_token_hint: '' }],
  ['no hint, with a client', { id_token_hint: '', client_id: client.id }]
] as [string, Record<string, string>][]) {
  void t.test(`${what}: nobody is redirected (§3, §4)`, async (t) => {
    const { browser, tokens } = await givenLogin()
    const asked = {
      id_token_hint: tokens.id_token,
      post_logout_redirect_uri: HOME,
      state: 's',
      ...query
    }
    const { status, location } = await outcomeOf(browser, logoutUrl(asked))
    t.equal(location, '')
    t.equal(status, 400)
    t.ok(await isLoggedIn(browser), 'nor logged out')
  })
}

for (const [what, query] of [
  ['nothing at all', {}],
  ['a state alone', { state: 's' }]
] as [string, Record<string, string>][]) {
  void t.test(
    `${what}: the person is asked, and a yes logs out without a redirect (§2)`,
    async (t) => {
      const { browser } = await givenLogin()
      const { status, body } = await outcomeOf(browser, logoutUrl(query))
      t.equal(status, 200)
      t.match(body, 'action="/oauth/logout/confirm"')
      t.ok(await isLoggedIn(browser), 'not before they say so')
      const answer = await browser.post('/oauth/logout/confirm', query)
      t.equal(answer.statusCode, 200)
      t.equal(answer.headers.location, undefined)
      t.notOk(await isLoggedIn(browser))
    }
  )
}

void t.test('a hint and no destination: logged out, a page says so (§3)', async (t) => {
  const { browser, tokens } = await givenLogin()
  const { status, location, body } = await outcomeOf(
    browser,
    logoutUrl({ id_token_hint: tokens.id_token })
  )
  t.equal(status, 200)
  t.equal(location, '')
  t.match(body, 'logged out')
  t.notOk(await isLoggedIn(browser))
})

void t.test("another person's hint in this browser: asked first (§2)", async (t) => {
  const [mine, theirs] = [await givenLogin(), await givenLogin()]
  const query = { id_token_hint: theirs.tokens.id_token, post_logout_redirect_uri: HOME }
  const { status, body } = await outcomeOf(mine.browser, logoutUrl(query))
  t.equal(status, 200)
  t.match(body, 'Log out?')
  t.ok(await isLoggedIn(mine.browser))
  const sid = String(claimsOf(theirs.tokens.id_token)['sid'])
  t.equal((await sessionRow(app, sid)).revoked_at, null, 'and nobody else is logged out')
})

void t.test(
  'a hint without its login: ends what ends with the login, not what has offline_access',
  async (t) => {
    const person = await givenPerson(app)
    const bound = await givenTokens(app, client, person)
    const offline = await givenTokens(app, client, person, { scope: 'openid offline_access' })
    for (const { id_token: id_token_hint } of [bound, offline]) {
      t.equal((await outcomeOf(openBrowser(app), logoutUrl({ id_token_hint }))).status, 200)
    }
    t.equal((await refreshAs(app, client, bound.refresh_token)).json().error, 'invalid_grant')
    const refreshed = await refreshAs(app, client, offline.refresh_token)
    t.equal(refreshed.statusCode, 200, refreshed.body)
    await outcomeOf(person.browser, logoutUrl({ id_token_hint: offline.id_token }))
    const gone = await refreshAs(app, client, refreshed.json().refresh_token)
    t.equal(gone.json().error, 'invalid_grant', 'in the browser of that login it does')
  }
)

void t.test('logged out already: back to the application all the same (§4)', async (t) => {
  const { browser, tokens } = await givenLogin()
  const query = { id_token_hint: tokens.id_token, post_logout_redirect_uri: HOME, state: 's' }
  await outcomeOf(browser, logoutUrl(query))
  t.equal((await outcomeOf(browser, logoutUrl(query))).location, `${HOME}&state=s`)
  t.equal((await outcomeOf(openBrowser(app), logoutUrl(query))).location, `${HOME}&state=s`)
})

void t.test('a confirmation from a foreign page: refused (§6)', async (t) => {
  const { browser } = await givenLogin()
  const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  const headers = {
    cookie,
    'sec-fetch-site': 'cross-site',
    'content-type': 'application/x-www-form-urlencoded'
  }
  const url = '/oauth/logout/confirm'
  const answer = await app.app.inject({ method: 'POST', url, headers, payload: 'state=s' })
  t.equal(answer.statusCode, 403)
  t.ok(await isLoggedIn(browser))
})

void t.test('hints of a retired key: good; of one that was dropped at once: refused', async (t) => {
  const own = await startApp(t)
  const home = 'https://shop.example/bye'
  const shop = await givenClient(own, { post_logout_redirect_uris: [home] })
  const person = await givenPerson(own)
  const { id_token } = await givenTokens(own, shop, person)
  const query = { id_token_hint: id_token, post_logout_redirect_uri: home }
  const status = async () => (await outcomeOf(openBrowser(own), logoutUrl(query))).status
  const { kid } = JSON.parse(Buffer.from(id_token.split('.')[0] ?? '', 'base64url').toString())
  const isPublished = async () => (await own.get('/.well-known/jwks.json')).body.includes(kid)
  await own.sql(
    "UPDATE signing_key SET retiring_at = now() - interval '2 h', gone_at = now() - interval '1 h'"
  )
  await eventually('the key to go', async () => !(await isPublished()))
  t.equal(await status(), 303)
  await own.sql('UPDATE signing_key SET retiring_at = gone_at')
  await eventually('the refusal', async () => (await status()) === 400)
})

void t.test('the metadata: where (§2.1)', async (t) => {
  const metadata = (await app.get('/.well-known/openid-configuration')).json()
  t.equal(metadata.end_session_endpoint, `${ISSUER}/oauth/logout`)
})
