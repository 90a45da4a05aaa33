import t from 'tap'
import { givenAdministrator } from '../support/administrator.ts'
import { startApp } from '../support/app.ts'
import { givenSession, givenUser, holdLocks, PASSWORD, type TestUser } from '../support/builders.ts'
import { openBrowser } from '../support/oauth.ts'
import { scriptBeside } from '../support/script.ts'

const app = await startApp(t)
const { call } = await givenAdministrator(app)
const users = scriptBeside(app, 'users')
const OWN_PAGE = { 'sec-fetch-site': 'same-origin' }

type Guess = (password: string) => Promise<number>

/** Where an owner guesses: the first two count at the account, the others each at their browser. */
const DOORS: Record<string, (user: TestUser) => Promise<Guess>> = {
  'at a login': ({ email }) =>
    Promise.resolve(
      async (password) => (await app.post('/auth/login', { email, password })).statusCode
    ),
  'in a session': async (user) => {
    const { accessToken } = await givenSession(app, user)
    const headers = { authorization: `Bearer ${accessToken}` }
    return async (password) =>
      (await app.post('/auth/reauthenticate', { password }, headers)).statusCode
  },
  'in a known browser': async ({ email }) => {
    const first = await app.post('/auth/login', { email, password: PASSWORD }, OWN_PAGE)
    const { value } = first.cookies.find(({ name }) => name === 'latchkey-device')!
    const headers = { ...OWN_PAGE, cookie: `latchkey-device=${value}` }
    return async (password) =>
      (await app.post('/auth/login', { email, password }, headers)).statusCode
  },
  // Last, for it ends the others.
  "in a browser's session": async (user) => {
    const browser = openBrowser(app)
    await browser.login(user)
    const change = (password: string) => ({
      current_password: password,
      new_password: PASSWORD,
      confirm_password: PASSWORD
    })
    return async (password) => {
      const answer = await browser.post('/account/password', change(password))
      return answer.statusCode === 303 ? 200 : answer.statusCode
    }
  }
}

async function byAdministrator({ id }: TestUser): Promise<void> {
  const answer = await call('POST', `/admin/users/${id}/unlock`)
  if (answer.statusCode !== 200) throw new Error(answer.body)
}

async function byOperator({ email }: TestUser): Promise<void> {
  const { status, stderr } = await users(['unlock', email])
  if (status !== 0) throw new Error(`unlock ended with ${status}: ${stderr}`)
}

for (const [who, unlock] of Object.entries({ byAdministrator, byOperator })) {
  void t.test(`locked wherever they guessed, unlocked ${who}: in again everywhere`, async (t) => {
    const user = await givenUser(app)
    const other = await givenUser(app)
    const doors = await Promise.all(
      Object.entries(DOORS).map(async ([where, open]) => ({ where, guess: await open(user) }))
    )
    const elsewhere = await DOORS['in a session']!(other)
    for (const guess of [...doors.map((door) => door.guess), elsewhere]) {
      for (let i = 0; i < 5; i += 1) await guess(`a-wrong-password-${i}`)
    }
    await holdLocks(app)
    for (const { where, guess } of doors) t.equal(await guess(PASSWORD), 401, `locked ${where}`)
    await unlock(user)
    for (const { where, guess } of doors) t.equal(await guess(PASSWORD), 200, `free ${where}`)
    t.equal(await elsewhere(PASSWORD), 401, 'nobody else is unlocked with them')
  })
}
