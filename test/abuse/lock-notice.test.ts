import t from 'tap'
import { startApp } from '../support/app.ts'
import { freshEmail, givenUser, mailTo, PASSWORD } from '../support/builders.ts'
import { eventually } from '../support/eventually.ts'
import { mailsTo } from '../support/registrations.ts'

const app = await startApp(t)
const WRONG = 'a-wrong-password'

async function login(email: string, password: string = WRONG) {
  return app.post('/auth/login', { email, password })
}

/** Guesses wrong so often that the next guess is the tenth, and the lane is open for it. */
async function givenNineGuesses(email: string): Promise<void> {
  for (let i = 0; i < 4; i += 1) await login(email)
  await app.sql(
    `UPDATE guess_lane SET failures = 9 WHERE updated_at = (SELECT max(updated_at) FROM guess_lane)`
  )
}

async function notices(): Promise<{ waiting: number; all: number }> {
  const [row] = await app.sql<{ waiting: number; all: number }>(
    `SELECT count(*)::int AS all, count(*) FILTER (WHERE sent_at IS NULL)::int AS waiting
       FROM outbox_message WHERE kind = 'mail_request'`
  )
  return row!
}

/** Notices are due two seconds after their guess; nobody waits for that here. */
async function noneWaits() {
  await app.sql(
    `UPDATE outbox_message SET next_attempt_at = latchkey_now() WHERE kind = 'mail_request' AND sent_at IS NULL`
  )
  await eventually('no notice', async () => (await notices()).waiting === 0)
}

async function told(type: 'account.locked' | 'account.throttled', userId?: string) {
  return app.sql<{ details: object; requestId: string; hasAddress: boolean }>(
    `SELECT details, request_id AS "requestId", address_sealed IS NOT NULL AS "hasAddress"
       FROM audit_event WHERE type = $1 AND ($2::uuid IS NULL OR user_id = $2)`,
    [type, userId]
  )
}

const locked = (userId: string) => told('account.locked', userId)
const throttled = (userId: string) => told('account.throttled', userId)

/** Guesses at the lane, and what the last answer was to. */
async function guess(email: string, times: number, password = WRONG) {
  const ids = []
  for (let i = 0; i < times; i += 1) {
    ids.push((await login(email, password)).headers['x-request-id'])
    await app.sql('UPDATE guess_lane SET blocked_until = NULL')
  }
  return ids.at(-1)
}

void t.test('the tenth wrong guess, at a person and at nobody: writes the same', async (t) => {
  const { id, email } = await givenUser(app)
  const nobody = freshEmail()
  for (const [i, name] of [email, nobody].entries()) {
    await givenNineGuesses(name)
    t.equal((await notices()).all, i, 'nothing before')
    t.equal((await login(name)).json().code, 'invalid_credentials')
    t.equal((await notices()).all, i + 1)
  }
  await noneWaits()
  t.ok(await mailTo(app, email, /guessing your password/), 'the owner is told')
  t.equal((await locked(id)).length, 1, 'and it is in the trail')
  t.equal((await mailsTo(app, nobody, 0)).length, 0)
})

void t.test('a right tenth guess: nobody is told', async (t) => {
  const { id, email } = await givenUser(app)
  await givenNineGuesses(email)
  t.equal((await login(email, PASSWORD)).statusCode, 200)
  await noneWaits()
  t.strictSame(await locked(id), [])
})

void t.test('the fifth wrong guess, at a person and at nobody: writes the same', async (t) => {
  const { id, email } = await givenUser(app)
  const nobody = freshEmail()
  const before = (await notices()).all
  const events = (await told('account.throttled')).length
  const requestIds = []
  for (const [i, name] of [email, nobody].entries()) {
    await guess(name, 4)
    t.equal((await notices()).all, before + i, 'nothing before')
    requestIds.push(await guess(name, 1))
    t.equal((await notices()).all, before + i + 1, 'with the guess')
  }
  await noneWaits()
  t.match(await throttled(id), [
    { details: { lane: 'account' }, requestId: requestIds[0], hasAddress: true }
  ])
  t.equal((await told('account.throttled')).length, events + 1, 'nobody has no event')
  t.strictSame(await locked(id), [], 'and no mail yet')
})

void t.test('wrong guesses that go on: one event of a run, and one of the next', async (t) => {
  const { id, email } = await givenUser(app)
  const throttledSoFar = async () => {
    await noneWaits()
    return (await throttled(id)).length
  }
  await guess(email, 9)
  t.equal(await throttledSoFar(), 1)
  t.strictSame(await locked(id), [])
  await guess(email, 5)
  t.equal(await throttledSoFar(), 1)
  t.equal((await locked(id)).length, 1)
  await guess(email, 1, PASSWORD)
  await guess(email, 4)
  t.equal(await throttledSoFar(), 1)
  await guess(email, 1)
  t.equal(await throttledSoFar(), 2, 'a right one had ended the first run')
})

void t.test('a run that was forgotten after a day: the next is told', async (t) => {
  const { id, email } = await givenUser(app)
  await guess(email, 5)
  await noneWaits()
  await app.sql(`UPDATE guess_lane SET updated_at = updated_at - interval '25 hours'`)
  await guess(email, 5)
  await noneWaits()
  t.equal((await throttled(id)).length, 2)
})

void t.test('a right fifth guess: no event', async (t) => {
  const { id, email } = await givenUser(app)
  await guess(email, 4)
  t.equal((await login(email, PASSWORD)).statusCode, 200)
  await noneWaits()
  t.strictSame(await throttled(id), [])
})

void t.test('guesses that were the fifth time and again: one event', async (t) => {
  const { id, email } = await givenUser(app)
  await guess(email, 4)
  for (let i = 0; i < 5; i += 1) {
    await guess(email, 1)
    // As one that could not be judged is given back.
    if (i < 4) await app.sql('UPDATE guess_lane SET failures = 4 WHERE failures = 5')
  }
  await noneWaits()
  t.equal((await throttled(id)).length, 1)
})
