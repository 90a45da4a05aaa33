import t from 'tap'
import { startApp } from '../support/app.ts'
import { givenUser } from '../support/builders.ts'
import {
  authorizeUrl,
  callbackOf,
  givenClient,
  givenCode,
  openBrowser,
  pkcePair,
  redeem
} from '../support/oauth.ts'

const app = await startApp(t)
const client = await givenClient(app, { first_party: true, scope: 'openid' })
const user = await givenUser(app)
const browser = openBrowser(app)
await browser.login(user)
const { challenge } = pkcePair()
const url = authorizeUrl(client, { code_challenge: challenge, code_challenge_method: 'S256' })

/** What trades a new code of this server's. */
async function givenTrade() {
  const given = await givenCode(app, client, {}, { browser, user })
  return async () => (await redeem(app, client, given)).statusCode
}

/** Behind the back of this server, which has just read the client. */
const lost: [what: string, take: string, give: string][] = [
  [
    'disabled',
    'UPDATE client SET disabled_at = now() WHERE id = $1',
    'UPDATE client SET disabled_at = NULL WHERE id = $1'
  ],
  [
    'kept from codes',
    "UPDATE client SET grant_types = '{refresh_token}' WHERE id = $1",
    "UPDATE client SET grant_types = '{authorization_code,refresh_token}' WHERE id = $1"
  ]
]

void t.test('a client that is changed after it was read: no code, and no tokens', async (t) => {
  for (const [what, take, give] of lost) {
    const trade = await givenTrade()
    await app.sql(take, [client.id])
    t.notOk(
      'code' in callbackOf(`http://x${String((await browser.get(url)).headers.location)}`),
      what
    )
    t.not(await trade(), 200, what)
    await app.sql(give, [client.id])
    t.equal(await trade(), 200, `${what}: the code was not touched`)
  }
})

void t.test('a secret that is over after it was read: refused', async (t) => {
  const trade = await givenTrade()
  const set = async (at: string) =>
    app.sql(`UPDATE client_secret SET expires_at = ${at} WHERE client_id = $1`, [client.id])
  await set("now() - interval '1 second'")
  t.equal(await trade(), 401)
  await set('NULL')
  t.equal(await trade(), 200)
})

void t.test(
  'a login that ends, or its person who is disabled, after the code: no tokens',
  async (t) => {
    const trade = await givenTrade()
    await app.sql("UPDATE users SET status = 'disabled' WHERE id = $1", [user.id])
    t.match((await browser.get(url)).headers.location, '/login')
    t.equal(await trade(), 400)
    await app.sql("UPDATE users SET status = 'active' WHERE id = $1", [user.id])
    const again = await givenTrade()
    await app.sql('UPDATE session SET revoked_at = now() WHERE user_id = $1', [user.id])
    t.match((await browser.get(url)).headers.location, '/login')
    t.equal(await again(), 400)
  }
)
