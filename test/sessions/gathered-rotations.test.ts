import pg from 'pg'
import t, { type Test } from 'tap'
import { startApp } from '../support/app.ts'
import { claimsOf, givenSession, givenUser, refresh } from '../support/builders.ts'
import { eventsOf, sessionRow } from '../support/session-rows.ts'

const app = await startApp(t)

/** So many logins of one person. */
async function givenSessions(count: number) {
  const user = await givenUser(app)
  const sessions = []
  for (let n = 0; n < count; n += 1) sessions.push(await givenSession(app, user))
  return sessions
}

/** As many as go off one by one. */
let fillers = (await givenSessions(8)).map(({ refreshToken }) => Promise.resolve(refreshToken))

/** Sends these while so many others are under way that they gather. */
async function sendTogether(sessions: Given[]) {
  const tokens = await Promise.all(fillers)
  fillers = tokens.map(async (token) => {
    const answer = await refresh(app, token)
    return answer.json().refresh_token as string
  })
  return sessions.map(({ refreshToken }) => refresh(app, refreshToken))
}

async function refreshTogether(sessions: Given[]) {
  return Promise.all(await sendTogether(sessions))
}

/** Holds a row until it is let go. */
async function hold(t: Test, sessionId: string) {
  const holder = new pg.Client(app.databaseUrl)
  await holder.connect()
  t.teardown(() => holder.end())
  await holder.query('BEGIN')
  await holder.query('SELECT 1 FROM session WHERE id = $1 FOR UPDATE', [sessionId])
  return () => holder.query('ROLLBACK')
}

void t.test('people at once: each gets the next generation of their own', async (t) => {
  const sessions: Given[] = []
  for (let n = 0; n < 5; n += 1) sessions.push(await givenSession(app))
  const answers = await refreshTogether(sessions)
  for (const [n, answer] of answers.entries()) {
    const { sessionId, user } = sessions[n]!
    t.equal(answer.statusCode, 200)
    t.match(claimsOf(answer.json().access_token as string), { sid: sessionId, sub: user.id })
    t.match(await sessionRow(app, sessionId), { generation: 1, revoked_at: null })
    t.equal((await refresh(app, answer.json().refresh_token as string)).statusCode, 200)
  }
})

void t.test('one token of two callers among others: one rotation, one successor', async (t) => {
  const [first, second, third] = (await givenSessions(3)) as [Given, Given, Given]
  const shown = [first, second, first, third, first]
  const answers = await refreshTogether(shown)
  t.strictSame(
    answers.map(({ statusCode }) => statusCode),
    [200, 200, 200, 200, 200]
  )
  t.equal(new Set(answers.map((answer) => answer.json().refresh_token as string)).size, 3)
  for (const { sessionId } of [first, second, third]) {
    t.match(await sessionRow(app, sessionId), { generation: 1, revoked_at: null })
  }
})

void t.test('what must not pass, among others: refused by itself, the others go on', async (t) => {
  const [thief, good, last] = (await givenSessions(3)) as [Given, Given, Given]
  const second = (await refresh(app, thief.refreshToken)).json().refresh_token as string
  await refresh(app, second)
  const disabled = await givenSession(app)
  await app.sql("UPDATE users SET status = 'disabled' WHERE id = $1", [disabled.user.id])
  const ended = await givenSession(app)
  await app.sql('UPDATE session SET revoked_at = latchkey_now() WHERE id = $1', [ended.sessionId])
  const idle = await givenSession(app)
  await app.sql('UPDATE session SET idle_expires_at = latchkey_now() WHERE id = $1', [
    idle.sessionId
  ])
  const foreign = await givenSession(app)
  await app.sql("UPDATE session SET client_id = 'shop' WHERE id = $1", [foreign.sessionId])
  const bound = await givenSession(app)
  await app.sql("UPDATE session SET dpop_jkt = 'key' WHERE id = $1", [bound.sessionId])
  const other = await givenSession(app)
  await app.sql("UPDATE session SET secret_hash = '' WHERE id = $1", [other.sessionId])
  const roles = '{user,admin}'
  await app.sql('UPDATE users SET roles = $2 WHERE id = $1', [good.user.id, roles])
  const shown = [good, thief, disabled, ended, idle, foreign, bound, other, last]
  const answers = await refreshTogether(shown)
  t.strictSame(
    answers.map(({ statusCode }) => statusCode),
    [200, 401, 401, 401, 401, 401, 401, 401, 200]
  )
  const claims = claimsOf(answers[0]!.json().access_token as string)
  t.strictSame(claims['roles'], ['user', 'admin'], 'and new roles show (T6)')
  t.match(await sessionRow(app, thief.sessionId), { revoke_reason: 'refresh_token_reuse' })
  for (const { sessionId } of [disabled, idle, foreign, bound, other]) {
    t.match(await sessionRow(app, sessionId), { generation: 0, revoked_at: null })
  }
})

void t.test('a session that somebody holds: no other waits for it, and it goes on', async (t) => {
  const [held, ...others] = await givenSessions(4)
  const letHeldGo = await hold(t, held!.sessionId)
  const [waiting, ...sent] = await sendTogether([held!, ...others])
  const answers = await Promise.all(sent)
  t.ok(answers.every(({ statusCode }) => statusCode === 200))
  t.match(await sessionRow(app, held!.sessionId), { generation: 0 }, 'it is held still')
  await letHeldGo()
  // Who has waited too long is told to come again.
  t.ok([200, 503].includes((await waiting)!.statusCode))
  t.equal((await refresh(app, held!.refreshToken)).statusCode, 200)
  t.match(await sessionRow(app, held!.sessionId), { generation: 1, revoked_at: null })
  const told = (await eventsOf(app, held!.sessionId)).map(({ type }) => type)
  t.notOk(told.includes('session.ahead_of_store'), 'and nobody took it for a lost commit')
})

type Given = Awaited<ReturnType<typeof givenSession>>
