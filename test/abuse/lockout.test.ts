import t from 'tap'
import { startApp } from '../support/app.ts'
import { givenSession, givenUser, holdLocks, mailTo, PASSWORD } from '../support/builders.ts'

/** Every hash may wait: the test counts guesses, not the queue's refusals. */
const app = await startApp(t, { ARGON2_QUEUE_LENGTH: '1000', ARGON2_WAIT_MS: '60000' })

async function login(email: string, password: string) {
  return app.post('/auth/login', { email, password })
}

/** What Postgres knows of the guesses, lane by lane. */
async function failures() {
  const rows = await app.sql<{ failures: number }>('SELECT failures FROM guess_lane')
  return rows.map((row) => row.failures)
}

void t.test(
  '200 wrong guesses at once, through login, change-password: at most six are looked at',
  async (t) => {
    const { user, accessToken } = await givenSession(app)
    const guesses = Array.from({ length: 200 }, (_, i) =>
      i % 2 === 0
        ? login(user.email, `wrong-guess-number-${i}`)
        : app.post(
            '/users/change-password',
            {
              current_password: `wrong-guess-number-${i}`,
              new_password: 'granite-otter-77-meadow'
            },
            { authorization: `Bearer ${accessToken}` }
          )
    )
    const answers = await Promise.all(guesses)
    t.ok(answers.every(({ statusCode }) => [401, 429, 503].includes(statusCode)))
    const evaluated = await failures()
    t.comment(`${evaluated.join(' + ')} of 200 guesses were evaluated`)
    t.equal(evaluated.length, 1, 'one count, whatever the door')
    t.ok(evaluated[0]! >= 5 && evaluated[0]! <= 6)
  }
)

void t.test('a locked account: answers like a wrong password, and unlocks by itself', async (t) => {
  const { email } = await givenUser(app)
  for (let i = 0; i < 5; i += 1) await login(email, 'a-wrong-password')
  await holdLocks(app)
  const wrong = await login(email, 'a-wrong-password')
  const locked = await login(email, PASSWORD)
  t.equal(locked.statusCode, 401)
  t.equal(locked.body, wrong.body)
  await app.moveTime(3_601)
  t.equal((await login(email, PASSWORD)).statusCode, 200)
  await app.moveTime(0)
})

void t.test(
  'waits, as wrong guesses go on: double from one second up to fifteen minutes',
  async (t) => {
    const { email } = await givenUser(app)
    const waits: number[] = []
    let time = 0
    for (let i = 0; i < 17; i += 1) {
      await login(email, 'a-wrong-password')
      const [lane] = await app.sql<{ wait: number }>(
        `SELECT extract(epoch FROM blocked_until - updated_at)::int AS wait FROM guess_lane ORDER BY updated_at DESC LIMIT 1`
      )
      waits.push(lane!.wait)
      time += 1_000
      await app.moveTime(time)
    }
    t.strictSame(waits.slice(0, 4), [null, null, null, null])
    t.strictSame(waits.slice(4), [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900])
    t.ok(await mailTo(app, email, /guessing your password/), 'the owner was told')
    await app.moveTime(0)
  }
)

void t.test('eighteen right logins at once: none is taken for a guess', async (t) => {
  const { email } = await givenUser(app)
  const logins = await Promise.all(Array.from({ length: 18 }, () => login(email, PASSWORD)))
  t.strictSame(new Set(logins.map(({ statusCode }) => statusCode)), new Set([200]))
})

void t.test('a right password in between: the count begins anew', async (t) => {
  const { email } = await givenUser(app)
  for (let round = 0; round < 3; round += 1) {
    for (let i = 0; i < 4; i += 1) await login(email, 'a-wrong-password')
    t.equal((await login(email, PASSWORD)).statusCode, 200)
  }
})

void t.test('a reset by mail, while locked: gets the owner in', async (t) => {
  const { email } = await givenUser(app)
  for (let i = 0; i < 6; i += 1) await login(email, 'a-wrong-password')
  await app.post('/auth/forgot-password', { email })
  const token = /token=([\w-]+)/.exec((await mailTo(app, email, /Reset/)).text)?.[1]
  const new_password = 'granite-otter-77-meadow'
  t.equal((await app.post('/auth/reset-password', { token, new_password })).statusCode, 200)
  t.equal((await login(email, new_password)).statusCode, 200)
})

void t.test(
  'logins under one name, known or not: 429 for both after the same number',
  async (t) => {
    const { email } = await givenUser(app)
    // From where nobody has reset a password.
    const remoteAddress = '198.51.100.1'
    const firstRefusal = async (name: string) => {
      for (let i = 1; i <= 25; i += 1) {
        const body = { email: name, password: 'a-wrong-password' }
        const answer = await app.app.inject({
          method: 'POST',
          url: '/auth/login',
          body,
          remoteAddress
        })
        if (answer.statusCode === 429)
          return { at: i, body: answer.body, retry: answer.headers['retry-after'] }
      }
      return null
    }
    const known = await firstRefusal(email)
    const unknown = await firstRefusal('nobody-at-all@example.com')
    t.equal(known?.at, 21)
    t.equal(unknown?.at, known?.at)
    t.equal(unknown?.body, known?.body)
    t.ok(Number(known?.retry) > 0)
  }
)

void t.test(
  'logins under one name, right ones, where the setting allows more: all get in',
  async (t) => {
    const roomy = await startApp(t, { RATE_LIMIT_LOGIN_PER_NAME: '30' })
    const { email } = await givenUser(roomy)
    const body = { email, password: PASSWORD }
    const statuses: number[] = []
    for (let i = 0; i < 31; i += 1)
      statuses.push((await roomy.post('/auth/login', body)).statusCode)
    t.strictSame(statuses, [...Array<number>(30).fill(200), 429])
  }
)
