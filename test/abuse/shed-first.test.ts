import t from 'tap'
import { startApp } from '../support/app.ts'
import { freshEmail, PASSWORD } from '../support/builders.ts'
import { atOnce, register, statuses } from '../support/registrations.ts'

/** One hash at a time, each a good part of a second long, and one that waits. */
const SLOW = {
  ARGON2_CONCURRENCY: '1',
  ARGON2_QUEUE_LENGTH: '1',
  ARGON2_MEMORY_KIB: '131072',
  ARGON2_PASSES: '6'
}

void t.test(
  'a login while every place for a hash is taken: 503 before Postgres is asked',
  async (t) => {
    const app = await startApp(t, SLOW)
    const waiting: Promise<unknown>[] = []
    // Of three at once one is hashed, one waits, and the third is told at once that there is no place.
    await new Promise<void>((full) => {
      for (let person = 0; person < 3; person += 1) {
        const answer = register(app).then(({ statusCode }) => {
          if (statusCode === 503) full()
        })
        waiting.push(answer)
      }
    })
    const login = { email: freshEmail(), password: PASSWORD }
    const answers = await atOnce(20, () => app.post('/auth/login', login))
    t.strictSame(statuses(answers), { 503: 20 })
    t.strictSame(await app.sql('SELECT key FROM guess_lane'), [], 'no guess was reserved')
    await Promise.all(waiting)
    t.equal((await app.post('/auth/login', login)).statusCode, 401, 'then there is a place again')
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
