import t from 'tap'
import { startApp } from '../support/app.ts'
import { claimsOf, givenUser, mailTo, PASSWORD, type TestUser } from '../support/builders.ts'
import { openBrowser } from '../support/oauth.ts'

const app = await startApp(t)
const NEW_PASSWORD = 'granite-otter-77-meadow'
const OWN_PAGE = { 'sec-fetch-site': 'same-origin' }

/** A browser that logs in, and is known from then on by its cookie. */
async function givenKnownBrowser({ email, password }: TestUser, device: string) {
  const answer = await app.post('/auth/login', { email, password, device }, OWN_PAGE)
  const { value } = answer.cookies.find(({ name }) => name === 'latchkey-device')!
  const { access_token: accessToken } = answer.json()
  return { accessToken: accessToken as string, cookie: `latchkey-device=${value}` }
}

async function change(accessToken: string, cookie?: string) {
  const headers = {
    authorization: `Bearer ${accessToken}`,
    ...(cookie !== undefined && { cookie })
  }
  const body = { current_password: PASSWORD, new_password: NEW_PASSWORD }
  const answer = await app.post('/users/change-password', body, headers)
  t.equal(answer.statusCode, 200)
}

/** Known browsers of a person, the oldest first. */
async function devices(userId: string): Promise<string[]> {
  const rows = await app.sql<{ id: string }>(
    'SELECT id FROM known_device WHERE user_id = $1 ORDER BY id',
    [userId]
  )
  return rows.map(({ id }) => id)
}

void t.test(
  'a password, changed from a known browser: that one stays known, no other',
  async (t) => {
    const user = await givenUser(app)
    await givenKnownBrowser(user, "a thief's laptop")
    const mine = await givenKnownBrowser(user, 'my laptop')
    const [, kept] = await devices(user.id)
    await change(mine.accessToken, mine.cookie)
    t.strictSame(await devices(user.id), [kept])
  }
)

void t.test('a password, changed from nowhere known: no browser is known any more', async (t) => {
  const user = await givenUser(app)
  const mine = await givenKnownBrowser(user, 'my laptop')
  const other = await givenKnownBrowser(await givenUser(app), 'somebody elses')
  await change(mine.accessToken, other.cookie)
  t.strictSame(await devices(user.id), [])
  t.equal((await devices(String(claimsOf(other.accessToken)['sub']))).length, 1)
})

void t.test('a change at the page: its own browser stays known', async (t) => {
  const user = await givenUser(app)
  await givenKnownBrowser(user, "a thief's laptop")
  const browser = openBrowser(app)
  await browser.login(user)
  const [, kept] = await devices(user.id)
  await browser.post('/account/password', {
    current_password: PASSWORD,
    new_password: NEW_PASSWORD,
    confirm_password: NEW_PASSWORD
  })
  t.strictSame(await devices(user.id), [kept])
})

void t.test('a browser whose login a change ended, back again: the owner is told', async (t) => {
  const user = await givenUser(app)
  const mine = await givenKnownBrowser(user, 'my laptop')
  const thief = await givenKnownBrowser(user, "a thief's laptop")
  await mailTo(app, user.email, /New login|new device/i)
  await change(mine.accessToken, mine.cookie)
  const before = await told()
  const login = { email: user.email, password: NEW_PASSWORD, device: "a thief's laptop" }
  const headers = { ...OWN_PAGE, cookie: thief.cookie }
  t.equal((await app.post('/auth/login', login, headers)).statusCode, 200)
  t.equal(await told(), before + 1)
})

/** How many notices of a new device were written. */
async function told(): Promise<number> {
  const [row] = await app.sql<{ n: number }>(
    "SELECT count(*)::int AS n FROM outbox_message WHERE topic = 'new-device'"
  )
  return row!.n
}
