import pg from 'pg'
import t, { type Test } from 'tap'
import { startApp } from '../support/app.ts'
import { givenUser, PASSWORD } from '../support/builders.ts'
import { eventually } from '../support/eventually.ts'
import { createVisitor } from '../support/page-visitor.ts'
import { isProblem } from '../support/problem.ts'

const app = await startApp(t)

/** What `text` locks, until it is let go. */
async function hold(t: Test, text: string, values: unknown[] = []) {
  const holder = new pg.Client(app.databaseUrl)
  await holder.connect()
  t.teardown(() => holder.end())
  await holder.query('BEGIN')
  await holder.query(text, values)
  return (end: 'COMMIT' | 'ROLLBACK') => holder.query(end)
}

/** When somebody waits for what another one has locked. */
async function someoneWaits() {
  await eventually('somebody who waits', async () => {
    const text = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`
    return (await app.sql(text)).length > 0
  })
}

async function failures() {
  return app.sql(
    `SELECT user_id, address_sealed IS NOT NULL AS "hasAddress", details FROM audit_event WHERE type = 'login.failed'`
  )
}

const nameless = { user_id: null, hasAddress: true, details: {} }
const REPLACE = `UPDATE users SET password_hash = 'another' WHERE id = $1`

void t.test('the password is replaced while it is checked: refused, and told', async (t) => {
  const user = await givenUser(app)
  const before = await failures()
  const letGo = await hold(t, REPLACE, [user.id])
  const asking = app.post('/auth/login', { email: user.email, password: PASSWORD })
  await someoneWaits()
  await letGo('COMMIT')
  isProblem(t, await asking, 401, 'invalid_credentials')
  t.strictSame(await failures(), [...before, nameless])
  t.strictSame(await app.sql('SELECT FROM session WHERE user_id = $1', [user.id]), [])
})

void t.test('the same at the pages: refused, and told', async (t) => {
  const user = await givenUser(app)
  const before = await failures()
  const letGo = await hold(t, REPLACE, [user.id])
  const visitor = createVisitor(app)
  const asking = visitor.logIn(user.email)
  await someoneWaits()
  await letGo('COMMIT')
  t.not((await asking).statusCode, 303)
  t.equal(visitor.session(), undefined)
  t.strictSame(await failures(), [...before, nameless])
  t.strictSame(await app.sql('SELECT FROM session WHERE user_id = $1', [user.id]), [])
})

void t.test(
  'the same in a browser that is logged in: refused, and its session stays',
  async (t) => {
    const user = await givenUser(app)
    const visitor = createVisitor(app)
    t.equal((await visitor.logIn(user.email)).statusCode, 303)
    const sessions = () =>
      app.sql('SELECT id, secret_hash, revoked_at, auth_time FROM session WHERE user_id = $1', [
        user.id
      ])
    const [before, cookie] = [await sessions(), visitor.session()]
    const letGo = await hold(t, REPLACE, [user.id])
    const asking = visitor.logIn(user.email)
    await someoneWaits()
    await letGo('COMMIT')
    t.not((await asking).statusCode, 303)
    t.strictSame(visitor.session(), cookie)
    t.strictSame(await sessions(), before)
  }
)

void t.test(
  'the session cannot be begun in time: 503 at once, and the guess counts no more',
  async (t) => {
    const user = await givenUser(app)
    const startedAtMs = performance.now()
    const letPersonGo = await hold(t, 'SELECT FROM users WHERE id = $1 FOR UPDATE', [user.id])
    const asking = app.post('/auth/login', { email: user.email, password: PASSWORD })
    await someoneWaits()
    const letLanesGo = await hold(t, 'UPDATE guess_lane SET updated_at = updated_at')
    isProblem(t, await asking, 503, 'unavailable')
    // A statement's limit of 1.5 s, once: to clear the lane meets another.
    t.ok(performance.now() - startedAtMs < 2_500, 'within one limit')
    await letLanesGo('ROLLBACK')
    await letPersonGo('ROLLBACK')
    await eventually('the lane is cleared', async () => {
      return (await app.sql('SELECT FROM guess_lane')).length === 0
    })
  }
)
