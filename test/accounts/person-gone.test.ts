import t from 'tap'
import { startApp } from '../support/app.ts'
import { freshEmail, givenSession, givenUser, PASSWORD } from '../support/builders.ts'
import { givenDevice, givenDeviceClient } from '../support/device.ts'
import { eventually } from '../support/eventually.ts'
import { authorizeUrl, givenClient, openBrowser, pkcePair } from '../support/oauth.ts'
import { openDatabase } from '../support/raw-database.ts'

const app = await startApp(t)
const client = await givenClient(app)
const device = await givenDeviceClient(app)

/** The person is erased while `act` is under way: after it was seen who asks, before anything is written. */
async function erasedDuring<T>(id: string, act: () => Promise<T>): Promise<T> {
  const eraser = await openDatabase(t, app.databaseUrl)
  await eraser.sql('BEGIN')
  await eraser.sql('DELETE FROM users WHERE id = $1', [id])
  const acting = act()
  await eventually('the act waits for the row', async () => {
    const [{ n } = { n: 0 }] = await app.sql<{ n: number }>(
      'SELECT count(*)::int AS n FROM pg_locks WHERE NOT granted'
    )
    return n > 0
  })
  await eraser.sql('COMMIT')
  return acting
}

for (const form of [{ name: 'Ada' }, { username: 'nobody-any-more' }]) {
  void t.test(`a profile's ${Object.keys(form)[0]}, of a person just erased: 401`, async (t) => {
    const { user, accessToken } = await givenSession(app)
    const headers = { authorization: `Bearer ${accessToken}` }
    const answer = await erasedDuring(user.id, () =>
      app.app.inject({ method: 'PUT', url: '/users/profile', headers, body: form })
    )
    t.equal(answer.statusCode, 401)
    t.equal(answer.json().code, 'invalid_access_token')
    t.strictSame(await app.sql("SELECT * FROM username WHERE username = 'nobody-any-more'"), [])
  })
}

for (const [url, body] of [
  ['/users/change-password', { current_password: PASSWORD, new_password: 'granite-otter-77-sea' }],
  ['/users/change-email', { current_password: PASSWORD, email: freshEmail() }],
  ['/auth/reauthenticate', { password: PASSWORD }]
] as const) {
  void t.test(`${url}, of a person just erased: 401`, async (t) => {
    const { user, accessToken } = await givenSession(app)
    const headers = { authorization: `Bearer ${accessToken}` }
    const answer = await erasedDuring(user.id, () => app.post(url, body, headers))
    t.equal(answer.statusCode, 401)
  })
}

/** A browser at the consent page. */
async function givenQuestion() {
  const user = await givenUser(app)
  const browser = openBrowser(app)
  await browser.login(user)
  const pkce = { code_challenge: pkcePair().challenge, code_challenge_method: 'S256' }
  const url = authorizeUrl(client, pkce)
  const asked = await browser.get(url)
  const question = new URL(String(asked.headers.location), 'http://x')
  const request = question.searchParams.get('request') ?? ''
  const agree = () => browser.post('/consent', { request, decision: 'allow' })
  return { user, browser, url, agree }
}

void t.test('a consent, of a person just erased: the page says to log in', async (t) => {
  const { user, agree } = await givenQuestion()
  const answer = await erasedDuring(user.id, agree)
  t.equal(answer.statusCode, 401)
  t.strictSame(await app.sql('SELECT * FROM consent WHERE user_id = $1', [user.id]), [])
})

void t.test('a code, for a person just erased: none is made', async (t) => {
  const { user, browser, url, agree } = await givenQuestion()
  await agree()
  const answer = await erasedDuring(user.id, () => browser.get(url))
  t.equal(answer.statusCode, 401)
})

void t.test('a device, let in by a person just erased: nobody has decided', async (t) => {
  const user = await givenUser(app)
  const browser = openBrowser(app)
  await browser.login(user)
  const { user_code: userCode } = await givenDevice(app, device)
  const allow = () => browser.post('/device/decide', { user_code: userCode, decision: 'allow' })
  const answer = await erasedDuring(user.id, allow)
  t.equal(answer.statusCode, 401)
  const [row] = await app.sql('SELECT user_id, is_approved FROM device_authorization')
  t.strictSame(row, { user_id: null, is_approved: null })
})
