import t from 'tap'
import { startApp, type TestApp } from '../support/app.ts'
import { freshEmail, PASSWORD } from '../support/builders.ts'
import { createVisitor } from '../support/page-visitor.ts'
import { atOnce, register, statuses } from '../support/registrations.ts'

/** One hash at a time, each a good part of a second long, and one that waits. */
const SLOW = {
  ARGON2_CONCURRENCY: '1',
  ARGON2_QUEUE_LENGTH: '1',
  ARGON2_MEMORY_KIB: '131072',
  ARGON2_PASSES: '6'
}

/** Takes every place. Of three at once one is hashed, one waits, and the third is told that there is none. */
async function fill(app: TestApp): Promise<Promise<unknown>[]> {
  const waiting: Promise<unknown>[] = []
  const full = Promise.withResolvers<undefined>()
  let isFull = false
  const ask = () => {
    const answer = register(app).then(({ statusCode }) => {
      isFull ||= statusCode === 503
      if (isFull) full.resolve(undefined)
      else ask() // It was done before the others came to the line.
    })
    waiting.push(answer)
  }
  for (let person = 0; person < 3; person += 1) ask()
  await full.promise
  return waiting
}

void t.test(
  'a login while every place for a hash is taken: 503 before Postgres is asked',
  async (t) => {
    const app = await startApp(t, SLOW)
    const waiting = await fill(app)
    const login = { email: freshEmail(), password: PASSWORD }
    const answers = await atOnce(20, () => app.post('/auth/login', login))
    t.strictSame(statuses(answers), { 503: 20 })
    t.strictSame(await app.sql('SELECT key FROM guess_lane'), [], 'no guess was reserved')
    await Promise.all(waiting)
    t.equal((await app.post('/auth/login', login)).statusCode, 401, 'then there is a place again')
  }
)

void t.test(
  'whoever is turned away: is not read or counted, and hears what others hear',
  async (t) => {
    const app = await startApp(t, { ...SLOW, RATE_LIMIT_LOGIN_PER_MINUTE: '1' })
    const late = await app.post('/auth/login', { email: freshEmail(), password: PASSWORD })
    t.equal(late.statusCode, 401)
    const waiting = await fill(app)
    const paths = ['/auth/login', '/auth/register', '/auth/reset-password']
    const answers = await Promise.all(paths.map((path) => app.post(path, { no: 'such field' })))
    const [first] = answers
    for (const { statusCode, body, headers } of answers) {
      t.equal(statusCode, 503)
      t.equal(body, first?.body)
      t.match(headers, { 'retry-after': '1', 'content-type': 'application/problem+json' })
      t.match(headers, { 'cache-control': 'no-store', 'x-request-id': /^[0-9a-f-]{36}$/ })
      t.notOk('ratelimit-remaining' in headers, 'its address is not counted')
    }
    t.strictSame(first?.json(), {
      type: 'about:blank',
      title: 'Service unavailable',
      status: 503,
      detail: 'The service cannot answer just now. Try again in a moment.',
      code: 'service_unavailable'
    })
    const sent = ['/login', '/register', '/reset-password'].map(async (path) => ({
      path,
      page: await createVisitor(app).send(path, { email: freshEmail(), password: PASSWORD })
    }))
    for (const { path, page } of await Promise.all(sent)) {
      t.equal(page.statusCode, 503, path)
      t.match(page.headers, { 'retry-after': '1', 'content-type': /^text.html/ })
      t.match(page.body, 'Something went wrong')
    }
    await Promise.all(waiting)
  }
)

void t.test('logins that come at once: no more go to Postgres than have a place', async (t) => {
  const app = await startApp(t, { ...SLOW, ARGON2_WAIT_MS: '60000' })
  const answers = await atOnce(20, () =>
    app.post('/auth/login', { email: freshEmail(), password: PASSWORD })
  )
  t.strictSame(statuses(answers), { 401: 2, 503: 18 })
  t.equal((await app.sql('SELECT key FROM guess_lane')).length, 2, 'guesses that were reserved')
})

void t.test('a login that waits for too long: 503, and when to come back', async (t) => {
  const app = await startApp(t, { ...SLOW, ARGON2_WAIT_MS: '100' })
  const login = () => app.post('/auth/login', { email: freshEmail(), password: PASSWORD })
  const answers = await atOnce(2, login)
  t.strictSame(statuses(answers), { 401: 1, 503: 1 })
  const shed = answers.find(({ statusCode }) => statusCode === 503)
  t.ok(Number(shed?.headers['retry-after']) > 0)
  t.equal((await login()).statusCode, 401, 'its place is free again')
})
