import { randomInt } from 'node:crypto'
import type { Response } from 'light-my-request'
import t from 'tap'
import { startApp } from '../support/app.ts'
import { freshEmail, givenUser, PASSWORD, type TestUser } from '../support/builders.ts'
import { register } from '../support/registrations.ts'
import { timed } from '../support/timed.ts'

const WRONG = 'not-the-password-7'
const SAMPLES = 40
/** Few enough for each that no lock of an account gets in between. */
const GUESSES_PER_PERSON = 4
/** An early refusal would save a hash, more than half of the time. */
const SLOWER_AT_MOST = 1.4

const app = await startApp(t)

/** From an address of its own, so that no limit per address answers instead. */
async function login(body: object): Promise<Response> {
  const remoteAddress = `198.51.${randomInt(256)}.${randomInt(1, 255)}`
  return app.app.inject({ method: 'POST', url: '/auth/login', body, remoteAddress })
}

/** All that an answer tells, but for what differs from one request to the next. */
function told({ statusCode, body, headers }: Response) {
  const { 'x-request-id': _id, date: _date, ...rest } = headers
  return { statusCode, body, headers: rest, names: Object.keys(headers) }
}

void t.test('wrong, unknown, unverified, disabled: the same answer to the byte (P3)', async (t) => {
  const known = await givenUser(app, { username: 'known.person' })
  const disabled = await givenUser(app)
  await app.sql("UPDATE users SET status = 'disabled' WHERE id = $1", [disabled.id])
  const noPassword = await givenUser(app)
  await app.sql('UPDATE users SET password_hash = NULL WHERE id = $1', [noPassword.id])
  const waiting = freshEmail()
  t.equal((await register(app, { email: waiting, username: 'waiting.person' })).statusCode, 201)

  const expected = told(await login({ email: known.email, password: WRONG }))
  t.equal(expected.statusCode, 401)
  for (const [who, body] of Object.entries({
    'the same by username': { username: 'known.person', password: WRONG },
    'an unknown address': { email: freshEmail(), password: WRONG },
    'an unknown username': { username: 'unknown.person', password: WRONG },
    'a registration that waits': { email: waiting, password: PASSWORD },
    'its reserved username': { username: 'waiting.person', password: PASSWORD },
    'a registration that waits, wrong': { email: waiting, password: WRONG },
    'a disabled person': { email: disabled.email, password: WRONG },
    'a person without a password': { email: noPassword.email, password: WRONG },
    'what is no address': { email: 'no address', password: WRONG },
    'a password nobody can have': { email: known.email, password: 'x'.repeat(1_000) },
    'a password of one letter': { email: known.email, password: 'x' }
  })) {
    t.strictSame(told(await login(body)), expected, who)
  }
})

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)]!
}

void t.test('a wrong password and an unknown address: the same time (P3)', async (t) => {
  const people: TestUser[] = []
  while (people.length < SAMPLES / GUESSES_PER_PERSON) people.push(await givenUser(app))
  const known: number[] = []
  const unknown: number[] = []
  await login({ email: freshEmail(), password: WRONG })
  for (let round = 0; round < SAMPLES; round += 1) {
    const { email } = people[round % people.length]!
    // In turn, so that a load on the machine hits both alike.
    known.push((await timed(() => login({ email, password: WRONG }))).tookMs)
    unknown.push((await timed(() => login({ email: freshEmail(), password: WRONG }))).tookMs)
  }
  const [slow = 0, fast = 0] = [median(known), median(unknown)].toSorted((a, b) => b - a)
  t.comment(`medians: known ${median(known)} ms, unknown ${median(unknown)} ms`)
  t.ok(slow <= fast * SLOWER_AT_MOST + 2, `${slow} ms and ${fast} ms`)
})
