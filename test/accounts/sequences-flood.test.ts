import type { Response } from 'light-my-request'
import t from 'tap'
import { startApp } from '../support/app.ts'
import { freshEmail, givenUser, mailTo, PASSWORD, secretsOf } from '../support/builders.ts'
import { givenAdmin } from '../support/oauth.ts'

/** Somebody guesses under a name until it is shed, its owner acts, and they guess again. */
const LIMIT = 6
const app = await startApp(t, { RATE_LIMIT_LOGIN_PER_NAME: String(LIMIT) })
const admin = await givenAdmin(app)
const NEW_PASSWORD = 'granite-otter-77-meadow'
const GUESSER = '198.51.100.9'
const OWNER = '203.0.113.7'

type Ask = { method?: 'POST' | 'DELETE'; headers?: Record<string, string>; body?: object }

async function ask(url: string, remoteAddress: string, { method = 'POST', ...rest }: Ask) {
  return app.app.inject({ method, url, remoteAddress, ...rest })
}

async function login(email: string, remoteAddress: string, password = 'a-wrong-password') {
  return ask('/auth/login', remoteAddress, { body: { email, password } })
}

async function requireOk(answer: Promise<Response>): Promise<Response> {
  const { statusCode, body } = await answer
  if (statusCode !== 200) throw new Error(body)
  return answer
}

/** From where the owner of the address shows the secret of the mail. */
async function reset(email: string, remoteAddress = OWNER): Promise<void> {
  await requireOk(ask('/auth/forgot-password', remoteAddress, { body: { email } }))
  const { token } = secretsOf(await mailTo(app, email, /Reset/))
  const body = { token, new_password: NEW_PASSWORD }
  await requireOk(ask('/auth/reset-password', remoteAddress, { body }))
}

/** As it was with the owner before, and what they do while the guesser looks on. */
const OWNERS: Record<string, () => Promise<{ email: string; act: () => Promise<void> }>> = {
  resets: async () => {
    const { email } = await givenUser(app)
    return { email, act: () => reset(email) }
  },
  verifies: async () => {
    const email = freshEmail()
    await app.post('/auth/register', { email, password: PASSWORD })
    const { token } = secretsOf(await mailTo(app, email))
    const act = async () => {
      await requireOk(ask('/auth/verify-email', OWNER, { body: { token } }))
    }
    return { email, act }
  },
  'changes the password': async () => {
    const { email } = await givenUser(app)
    // From a browser of theirs: guesses elsewhere keep nobody from acting at home.
    const own = { 'sec-fetch-site': 'same-origin' }
    const entered = await ask('/auth/login', OWNER, {
      headers: own,
      body: { email, password: PASSWORD }
    })
    const device = entered.cookies.find(({ name }) => name === 'latchkey-device')
    const headers = {
      ...own,
      authorization: `Bearer ${entered.json().access_token as string}`,
      cookie: `latchkey-device=${device?.value ?? ''}`
    }
    const body = { current_password: PASSWORD, new_password: NEW_PASSWORD }
    const act = async () => {
      await requireOk(ask('/users/change-password', OWNER, { headers, body }))
    }
    return { email, act }
  },
  'is erased': async () => {
    const { id, email } = await givenUser(app)
    const headers = { authorization: `Bearer ${admin}` }
    const act = async () => {
      await requireOk(ask(`/admin/users/${id}`, OWNER, { method: 'DELETE', headers }))
    }
    return { email, act }
  }
}

/** Guesses until they are shed, and one more. */
async function guess(email: string, times: number) {
  const heard = []
  for (let i = 0; i < times; i += 1) {
    const { statusCode, body, headers } = await login(email, GUESSER)
    heard.push({ statusCode, body, names: Object.keys(headers) })
  }
  return heard
}

for (const [what, given] of Object.entries(OWNERS)) {
  void t.test(
    `the owner ${what}, after a flood of guesses: the guesser hears the same`,
    async (t) => {
      const { email, act } = await given()
      const free = freshEmail()
      // A login of the owner's own is one of those under the name.
      const before = what === 'changes the password' ? LIMIT : LIMIT + 1
      if (before === LIMIT) await login(free, GUESSER)
      t.strictSame(await guess(email, before), await guess(free, before))
      await act()
      const [other, same] = [await guess(email, 4), await guess(free, 4)]
      t.strictSame(other, same)
      t.strictSame(
        same.map(({ statusCode }) => statusCode),
        [429, 429, 429, 429]
      )
    }
  )
}

void t.test(
  'a reset, while the name is shed: gets its owner in, from where they did it',
  async (t) => {
    const { email } = await givenUser(app)
    await guess(email, LIMIT + 1)
    const home = '192.0.2.129'
    t.equal((await login(email, home, PASSWORD)).statusCode, 429)
    await reset(email, home)
    t.equal((await login(email, home, NEW_PASSWORD)).statusCode, 200)
    t.equal((await login(email, GUESSER, NEW_PASSWORD)).statusCode, 429)
  }
)

void t.test('a reset at the page, IPv6: the whole line of its owner gets in', async (t) => {
  const { email } = await givenUser(app)
  await guess(email, LIMIT + 1)
  await ask('/auth/forgot-password', OWNER, { body: { email } })
  const { token } = secretsOf(await mailTo(app, email, /Reset/))
  const page = await app.app.inject({
    method: 'POST',
    url: '/reset-password',
    remoteAddress: '2001:db8:5::1',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      'sec-fetch-site': 'same-origin'
    },
    payload: new URLSearchParams({ token, new_password: NEW_PASSWORD }).toString()
  })
  t.equal(page.statusCode, 200)
  t.equal((await login(email, '2001:db8:5::2', NEW_PASSWORD)).statusCode, 200)
  t.equal((await login(email, '2001:db8:5:1::2', NEW_PASSWORD)).statusCode, 429)
})

void t.test('whoever reset a password of their own: ten logins more, at any name', async (t) => {
  const { email } = await givenUser(app)
  const free = freshEmail()
  const own = await givenUser(app)
  await guess(email, LIMIT + 1)
  await guess(free, LIMIT + 1)
  await reset(own.email, '192.0.2.1')
  const heard = { email: [] as number[], free: [] as number[] }
  for (let i = 0; i < 6; i += 1) {
    heard.email.push((await login(email, '192.0.2.1')).statusCode)
    heard.free.push((await login(free, '192.0.2.1')).statusCode)
  }
  t.strictSame(heard.email, [401, 401, 401, 401, 401, 429])
  t.strictSame(heard.free, heard.email)
})

void t.test('a reset that was refused, or is long ago: nobody gets past', async (t) => {
  const { email } = await givenUser(app)
  const body = { token: 'x'.repeat(43), new_password: NEW_PASSWORD }
  t.equal((await ask('/auth/reset-password', '192.0.2.65', { body })).statusCode, 400)
  await guess(email, LIMIT + 1)
  t.equal((await login(email, '192.0.2.65', PASSWORD)).statusCode, 429)
  await reset(email, '192.0.2.66')
  await app.moveTime(20 * 60)
  t.teardown(() => app.moveTime(0))
  await guess(email, LIMIT + 1)
  t.equal((await login(email, '192.0.2.66', NEW_PASSWORD)).statusCode, 429)
})
