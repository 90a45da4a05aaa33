import t from 'tap'
import { startApp } from '../support/app.ts'
import { givenUser, holdLocks, mailTo, PASSWORD, secretsOf } from '../support/builders.ts'

const ISSUER = 'https://id.example.com'
const FRONT_END = 'https://app.example.com'
const app = await startApp(t, { ISSUER, CORS_ORIGINS: FRONT_END })
const OWN = { 'sec-fetch-site': 'same-origin' }

type Answer = Awaited<ReturnType<typeof app.post>>

function cookieOf(answer: Answer, name: string) {
  return answer.cookies.find((cookie) => cookie.name === `__Host-latchkey-${name}`)
}

async function givenCookieSession() {
  const user = await givenUser(app)
  const body = { email: user.email, password: PASSWORD, token_delivery: 'cookie' }
  const answer = await app.post('/auth/login', body, OWN)
  return {
    user,
    answer,
    cookie: cookieOf(answer, 'refresh')!.value,
    accessToken: answer.json().access_token as string
  }
}

async function askForReset(email: string) {
  await app.post('/auth/forgot-password', { email })
  return secretsOf(await mailTo(app, email, /Reset/))
}

async function refreshBy(cookie: string, headers: Record<string, string> = OWN) {
  return app.post('/auth/refresh-token', undefined, {
    ...headers,
    cookie: `__Host-latchkey-refresh=${cookie}`
  })
}

void t.test(
  'a login in cookie mode: the refresh token is in a cookie that no script can read',
  async (t) => {
    const { answer } = await givenCookieSession()
    t.equal(answer.statusCode, 200)
    t.notOk('refresh_token' in answer.json())
    t.ok(answer.json().access_token)
    t.match(cookieOf(answer, 'refresh'), {
      httpOnly: true,
      secure: true,
      sameSite: 'Strict',
      path: '/'
    })
    t.equal(cookieOf(answer, 'refresh')?.['domain'], undefined)
  }
)

void t.test('a refresh by cookie: rotates it, and no refresh token is in the body', async (t) => {
  const { cookie } = await givenCookieSession()
  const answer = await refreshBy(cookie)
  t.equal(answer.statusCode, 200)
  t.notOk('refresh_token' in answer.json())
  t.not(cookieOf(answer, 'refresh')?.value, cookie)
})

void t.test(
  'requests that send or set a cookie, from a foreign page: refused and nothing spent',
  async (t) => {
    const { user, cookie } = await givenCookieSession()
    const foreign = [
      {},
      { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' },
      { 'sec-fetch-site': 'same-site' },
      { origin: 'null' },
      { origin: 'https://app.example.com.evil.example' },
      { origin: 'http://app.example.com' }
    ]
    for (const headers of foreign) {
      t.equal(
        (await refreshBy(cookie, headers as Record<string, string>)).json().code,
        'cross_site_request'
      )
      const body = { email: user.email, password: PASSWORD, token_delivery: 'cookie' }
      const login = await app.post('/auth/login', body, headers)
      t.equal(login.json().code, 'cross_site_request')
      t.strictSame(login.cookies, [])
    }
    t.equal((await refreshBy(cookie)).statusCode, 200, 'the cookie is as it was')
  }
)

void t.test('a front end of another origin, on the list: may', async (t) => {
  const { cookie } = await givenCookieSession()
  const answer = await refreshBy(cookie, { origin: FRONT_END, 'sec-fetch-site': 'same-site' })
  t.equal(answer.statusCode, 200)
  t.equal(answer.headers['access-control-allow-origin'], FRONT_END)
  t.equal(answer.headers['access-control-allow-credentials'], 'true')
})

void t.test(
  'a cookie token in a body, and a body token in a cookie: refused, nothing ends',
  async (t) => {
    const { user, cookie } = await givenCookieSession()
    t.equal((await app.post('/auth/refresh-token', { refresh_token: cookie })).statusCode, 401)
    const login = await app.post('/auth/login', { email: user.email, password: PASSWORD })
    const token = login.json().refresh_token as string
    t.equal((await refreshBy(token)).statusCode, 401)
    t.equal((await refreshBy(cookie)).statusCode, 200)
    t.equal((await app.post('/auth/refresh-token', { refresh_token: token })).statusCode, 200)
  }
)

void t.test(
  'two tabs, two generations apart within the grace: refused, cookie and session live',
  async (t) => {
    const { cookie: first } = await givenCookieSession()
    const second = cookieOf(await refreshBy(first), 'refresh')!.value
    const third = cookieOf(await refreshBy(second), 'refresh')!.value
    const late = await refreshBy(first)
    t.equal(late.statusCode, 401)
    t.strictSame(late.cookies, [], 'the newer cookie is not cleared')
    t.equal((await refreshBy(third)).statusCode, 200)
  }
)

void t.test(
  'logout by cookie: the session ends and the cookie goes; a foreign page cannot do it',
  async (t) => {
    const { cookie, accessToken } = await givenCookieSession()
    const headers = { cookie: `__Host-latchkey-refresh=${cookie}` }
    t.equal((await app.post('/auth/logout', undefined, headers)).statusCode, 403)
    const answer = await app.post('/auth/logout', undefined, { ...headers, ...OWN })
    t.equal(answer.statusCode, 200)
    t.equal(cookieOf(answer, 'refresh')?.value, '')
    t.equal((await refreshBy(cookie)).statusCode, 401)
    t.equal((await app.get('/verify-token', accessToken)).statusCode, 401)
  }
)

void t.test(
  'a browser that has logged in before, while its account is being guessed at: gets in',
  async (t) => {
    const { user, answer } = await givenCookieSession()
    const device = cookieOf(answer, 'device')!.value
    const login = async (password: string, headers: Record<string, string>) =>
      app.post('/auth/login', { email: user.email, password }, headers)
    for (let i = 0; i < 8; i += 1) await login('a-wrong-password', {})
    await holdLocks(app)
    t.equal((await login(PASSWORD, {})).statusCode, 401, 'elsewhere it is locked')
    const known = { ...OWN, cookie: `__Host-latchkey-device=${device}` }
    t.equal((await login(PASSWORD, known)).statusCode, 200)
    for (let i = 0; i < 6; i += 1) await login('a-wrong-password', known)
    await holdLocks(app)
    t.equal((await login(PASSWORD, known)).statusCode, 401, 'it has a count of its own')
    const { token } = await askForReset(user.email)
    const new_password = 'granite-otter-77-meadow'
    t.equal((await app.post('/auth/reset-password', { token, new_password }, OWN)).statusCode, 200)
    for (let i = 0; i < 6; i += 1) await login('a-wrong-password', {})
    await holdLocks(app)
    t.equal((await login(new_password, known)).statusCode, 401, 'a reset ends what it knew (P4)')
    const other = await givenUser(app)
    const stolen = await app.post('/auth/login', { email: other.email, password: PASSWORD }, known)
    t.ok(cookieOf(stolen, 'device'), 'and is no known device of somebody else')
  }
)
