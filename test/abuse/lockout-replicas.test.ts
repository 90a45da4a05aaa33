import t from 'tap'
import { startApp, type TestApp } from '../support/app.ts'
import { freshEmail, givenUser, holdLocks, PASSWORD, type TestUser } from '../support/builders.ts'
import { eventually } from '../support/eventually.ts'
import { startRedis } from '../support/redis.ts'

const GUESSES = 200
/** Five are free, and one more may slip in before the fifth has set the lock. */
const EVALUATED_AT_MOST = 6
/** Wrong or locked; too many under one name; or so busy that nobody looked. */
const REFUSALS = [401, 429, 503]
const OWN_PAGE = { 'sec-fetch-site': 'same-origin' }
/** Every hash may wait: the test counts guesses, not the queue's refusals. */
const PATIENT = { ARGON2_QUEUE_LENGTH: '1000', ARGON2_WAIT_MS: '60000' }

const redis = await startRedis(t)
const here = await startApp(t, { ...PATIENT, REDIS_URL: redis.url })
const there = { ...(await startApp(t, here.env)), dataDir: here.dataDir }

/** A browser of the person's own: its access token, and the cookie by which it is known. */
async function givenBrowser({ email }: TestUser) {
  const answer = await here.post('/auth/login', { email, password: PASSWORD }, OWN_PAGE)
  const device = answer.cookies.find(({ name }) => name === 'latchkey-device')
  if (device === undefined) throw new Error(`login: ${answer.body}`)
  const bearer = { authorization: `Bearer ${answer.json().access_token as string}` }
  return { bearer, known: { ...OWN_PAGE, cookie: `${device.name}=${device.value}` } }
}

type Headers = Record<string, string>

/** Every door at which a password can be guessed, each with the status of a wrong one. */
function doorsOf({ email }: TestUser, bearer: Headers) {
  const next = 'granite-otter-77-meadow'
  return [
    (app: TestApp, guess: string) => app.post('/auth/login', { email, password: guess }),
    (app: TestApp, guess: string) =>
      app.post('/users/change-password', { current_password: guess, new_password: next }, bearer),
    (app: TestApp, guess: string) =>
      app.post('/users/change-email', { email: freshEmail(), current_password: guess }, bearer),
    (app: TestApp, guess: string) => app.post('/auth/reauthenticate', { password: guess }, bearer),
    (app: TestApp, guess: string) =>
      app.app.inject({
        method: 'DELETE',
        url: '/users/delete-account',
        headers: bearer,
        body: { password: guess }
      })
  ]
}

async function moveTime(seconds: number): Promise<void> {
  await here.moveTime(seconds)
  await there.app.clock.sync()
}

/** How many guesses were looked at since the counters were empty, for each count. */
async function evaluated(): Promise<number[]> {
  const rows = await here.sql<{ failures: number }>('SELECT failures FROM guess_lane ORDER BY key')
  return rows.map(({ failures }) => failures)
}

async function wave(user: TestUser, bearer: Headers, meanwhile?: () => Promise<unknown>) {
  const doors = doorsOf(user, bearer)
  const guesses = Array.from({ length: GUESSES }, (_, i) =>
    doors[i % doors.length]!(i % 8 < 4 ? here : there, `wrong-guess-number-${i}`)
  )
  if (meanwhile !== undefined) {
    await Promise.race(guesses)
    await meanwhile()
  }
  return Promise.all(guesses)
}

async function login({ email }: TestUser, headers: Headers = {}) {
  return here.post('/auth/login', { email, password: PASSWORD }, headers)
}

/** The same promise, whatever happens to Redis while the guesses are under way. */
const WEATHERS: [string, (() => Promise<unknown>) | undefined][] = [
  ['', undefined],
  [', while Redis is flushed', () => redis.flush()],
  [', while Redis restarts', () => redis.restart()]
]

for (const [weather, meanwhile] of WEATHERS) {
  void t.test(
    `${GUESSES} wrong guesses at once, at every door of two servers${weather}: at most ${EVALUATED_AT_MOST} are looked at`,
    async (t) => {
      const user = await givenUser(here)
      const { bearer, known } = await givenBrowser(user)
      await here.sql('DELETE FROM guess_lane')
      const answers = await wave(user, bearer, meanwhile)
      await holdLocks(here)
      const statuses = new Set(answers.map(({ statusCode }) => statusCode))
      t.ok(
        [...statuses].every((status) => REFUSALS.includes(status)),
        `refused: ${[...statuses].join()}`
      )
      const counts = await evaluated()
      t.comment(`${counts.join(' + ')} of ${GUESSES} guesses were looked at`)
      t.equal(counts.length, 1, 'one count, whatever the door')
      t.ok(counts[0]! >= 5 && counts[0]! <= EVALUATED_AT_MOST, `${counts[0]} were looked at`)

      const [row] = await here.sql('SELECT status FROM users WHERE id = $1', [user.id])
      t.strictSame(row, { status: 'active' }, 'nothing was done to the account')
      await eventually('Redis', async () => (await here.get('/health')).json().redis === 'up')
      await redis.flush() // the count per name lies there: what refuses now is the lock itself
      t.equal((await login(user)).statusCode, 401, 'the right password, elsewhere: locked')
      t.strictSame(await evaluated(), counts, 'and not looked at')
      t.equal((await login(user, known)).statusCode, 200, 'the browser that it knows: in')
      await moveTime(3_601)
      t.equal((await login(user)).statusCode, 200, 'the lock has run out by itself')
      await moveTime(0)
    }
  )
}

void t.test(
  'a locked account, after everything in Redis is gone: locked at both servers',
  async (t) => {
    const user = await givenUser(here)
    const { bearer } = await givenBrowser(user)
    const doors = doorsOf(user, bearer)
    for (let i = 0; i < 5; i += 1) await doors[i]!(i % 2 === 0 ? here : there, 'a-wrong-password')
    await holdLocks(here)
    await redis.restart()
    for (const app of [here, there]) {
      const { email } = user
      t.equal((await app.post('/auth/login', { email, password: PASSWORD })).statusCode, 401)
      const next = { current_password: PASSWORD, new_password: 'granite-otter-77-meadow' }
      t.equal((await app.post('/users/change-password', next, bearer)).statusCode, 401)
    }
  }
)

void t.test(
  'an account that strangers have locked: its owner acts on from a known browser, and the lock stands',
  async (t) => {
    const user = await givenUser(here)
    const { bearer, known } = await givenBrowser(user)
    const stranger = async (password: string) =>
      here.post('/auth/login', { email: user.email, password })
    for (let i = 0; i < 6; i += 1) await stranger('a-wrong-password')
    await holdLocks(here)
    const prove = async (password: string, headers: Headers) =>
      here.post('/auth/reauthenticate', { password }, headers)
    const atHome = { ...bearer, ...known }
    t.equal((await prove(PASSWORD, atHome)).statusCode, 200)
    t.equal((await stranger(PASSWORD)).statusCode, 401, 'what strangers have locked is as it was')
    t.equal((await prove(PASSWORD, bearer)).statusCode, 401, 'for a stolen session, too')

    const foreign = await givenBrowser(await givenUser(here))
    const elsewhere = { ...bearer, ...foreign.known }
    t.equal((await prove(PASSWORD, elsewhere)).statusCode, 401, "and beside somebody else's cookie")
    for (let i = 0; i < 5; i += 1) await prove('a-wrong-password', atHome)
    await holdLocks(here)
    t.equal((await prove(PASSWORD, atHome)).statusCode, 401, 'guesses at home are limited too')
    t.equal((await prove(PASSWORD, foreign.bearer)).statusCode, 200, 'nobody else waits')
  }
)

void t.test(
  'guesses in a known browser, at its login and within its session: one count',
  async (t) => {
    const user = await givenUser(here)
    const { bearer, known } = await givenBrowser(user)
    await here.sql('DELETE FROM guess_lane')
    const atHome = { ...bearer, ...known }
    const body = { email: user.email, password: 'a-wrong-password' }
    for (let i = 0; i < 3; i += 1) {
      await here.post('/auth/login', body, known)
      await there.post('/auth/reauthenticate', { password: 'a-wrong-password' }, atHome)
    }
    t.strictSame(await evaluated(), [5], 'the sixth waits')
    t.equal((await login(user)).statusCode, 200, 'elsewhere they do not count')
  }
)
