import t from 'tap'
import { startApp, type TestApp } from '../support/app.ts'
import { startBehindWire } from '../support/behind-wire.ts'
import { claimsOf, givenSession, givenUser, refresh } from '../support/builders.ts'
import { isProblem } from '../support/problem.ts'
import { sessionRow } from '../support/session-rows.ts'

/** What a loaded machine may take for a few steps: time goes on beside the time that is moved. */
const SLOW_SECONDS = 20

const app = await startApp(t)

/** The next refresh token, or the refusal's code. */
async function next(server: TestApp, token: string): Promise<string> {
  const answer = (await refresh(server, token)).json<{ refresh_token?: string; code?: string }>()
  return answer.refresh_token ?? answer.code ?? 'neither'
}

/** Both servers read the time of one database; neither may go on with one that was. */
async function toNow(server: TestApp): Promise<void> {
  await server.moveTime(0)
  await app.moveTime(0)
}

const REFUSED = 'invalid_refresh_token'

void t.test('a session: ends by idling, and in the end whatever happens', async (t) => {
  const lives = { REFRESH_IDLE_SECONDS: '100', REFRESH_ABSOLUTE_SECONDS: '300' }
  const server = await startApp(t, { ...app.env, ...lives })
  const idle = await givenSession(server, await givenUser(app))
  const { refreshToken, sessionId } = await givenSession(server, await givenUser(app))
  const { expires_at: fixed } = await sessionRow(app, sessionId)
  let token = refreshToken
  for (const [seconds, left] of [
    [0, 100],
    [80, 100],
    [160, 100],
    [240, 60]
  ] as const) {
    await server.moveTime(seconds)
    const { refresh_token, refresh_expires_in } = (await refresh(server, token)).json()
    const isNear = refresh_expires_in <= left && refresh_expires_in > left - SLOW_SECONDS
    t.ok(isNear, `${refresh_expires_in} s left after ${seconds} s`)
    t.same((await sessionRow(app, sessionId)).expires_at, fixed, 'the end is fixed at login')
    token = refresh_token
  }
  const { generation } = await sessionRow(app, sessionId)
  await server.moveTime(301)
  t.equal(await next(server, token), REFUSED, 'the end, although it never idled')
  t.match(await sessionRow(app, sessionId), { generation, revoked_at: null }, 'not theft')
  await server.moveTime(101)
  t.equal(await next(server, idle.refreshToken), REFUSED, 'the other one idled')
  t.match(await sessionRow(app, idle.sessionId), { generation: 0, revoked_at: null })
  await server.moveTime(100 - SLOW_SECONDS)
  t.not(await next(server, idle.refreshToken), REFUSED, 'earlier it would have lived')
  await toNow(server)
})

void t.test('a login whose idle life is the shorter one: says so at once', async (t) => {
  const lives = { REFRESH_IDLE_SECONDS: '120', REFRESH_ABSOLUTE_SECONDS: '120' }
  const server = await startApp(t, { ...app.env, ...lives })
  const { user } = await givenSession(server, await givenUser(app))
  const answer = await server.post('/auth/login', { email: user.email, password: user.password })
  const { refresh_expires_in: left } = answer.json<{ refresh_expires_in: number }>()
  t.ok(left <= 120 && left > 120 - SLOW_SECONDS, `${left} s left`)
})

void t.test('grace 0, the predecessor again: the session ends at once', async (t) => {
  const server = await startApp(t, { ...app.env, REFRESH_GRACE_SECONDS: '0' })
  const { refreshToken, sessionId } = await givenSession(server, await givenUser(app))
  const successor = await next(server, refreshToken)
  t.equal(await next(server, refreshToken), REFUSED)
  t.ok((await sessionRow(app, sessionId)).revoked_at)
  t.equal(await next(server, successor), REFUSED, 'its successor died with it')
})

void t.test('grace 0, fifty callers at once: one wins, and the session ends', async (t) => {
  const server = await startApp(t, { ...app.env, REFRESH_GRACE_SECONDS: '0' })
  const { refreshToken, sessionId } = await givenSession(server, await givenUser(app))
  const answers = await Promise.all(Array.from({ length: 50 }, () => refresh(server, refreshToken)))
  const won = answers.filter(({ statusCode }) => statusCode === 200)
  t.equal(won.length, 1)
  t.ok(answers.every(({ statusCode }) => [200, 401].includes(statusCode)))
  t.match(await sessionRow(app, sessionId), { generation: 1, revoke_reason: 'refresh_token_reuse' })
})

void t.test('the longest grace, to its last second: the same successor, then theft', async (t) => {
  const server = await startApp(t, { ...app.env, REFRESH_GRACE_SECONDS: '60' })
  const { refreshToken, sessionId } = await givenSession(server, await givenUser(app))
  const successor = await next(server, refreshToken)
  await server.moveTime(60 - SLOW_SECONDS)
  t.equal(await next(server, refreshToken), successor)
  t.match(await sessionRow(app, sessionId), { generation: 1, revoked_at: null })
  await server.moveTime(61)
  t.equal(await next(server, refreshToken), REFUSED)
  t.ok((await sessionRow(app, sessionId)).revoked_at)
  await toNow(server)
})

void t.test('a used successor: its predecessor is theft, grace or not', async (t) => {
  const { refreshToken, sessionId } = await givenSession(app)
  const second = await next(app, refreshToken)
  await next(app, second)
  t.equal(await next(app, refreshToken), REFUSED)
  t.ok((await sessionRow(app, sessionId)).revoked_at)
})

void t.test('roles changed meanwhile: in the next access token (T6)', async (t) => {
  const { user, accessToken, refreshToken } = await givenSession(app)
  t.strictSame(claimsOf(accessToken)['roles'], ['user'])
  await app.sql("UPDATE users SET roles = '{user,admin}' WHERE id = $1", [user.id])
  const answer = (await refresh(app, refreshToken)).json()
  t.strictSame(claimsOf(answer.access_token)['roles'], ['user', 'admin'])
  await app.sql("UPDATE users SET roles = '{}' WHERE id = $1", [user.id])
  const later = (await refresh(app, answer.refresh_token as string)).json()
  t.strictSame(claimsOf(later.access_token)['roles'], [], 'and gone again')
})

void t.test('a disabled or erased person: refused, and enabled again it goes on', async (t) => {
  const { user, refreshToken, sessionId } = await givenSession(app)
  await app.sql("UPDATE users SET status = 'disabled' WHERE id = $1", [user.id])
  isProblem(t, await refresh(app, refreshToken), 401, 'disabled', refreshToken)
  t.match(await sessionRow(app, sessionId), { generation: 0, revoked_at: null })
  await app.sql("UPDATE users SET status = 'active' WHERE id = $1", [user.id])
  const successor = await next(app, refreshToken)
  await app.sql('DELETE FROM users WHERE id = $1', [user.id])
  t.equal(await next(app, successor), REFUSED)
})

void t.test('a refresh token of another client: refused, and nothing is killed', async (t) => {
  const { refreshToken, sessionId } = await givenSession(app)
  const second = await next(app, refreshToken)
  const third = await next(app, second)
  await app.sql("UPDATE session SET client_id = 'shop' WHERE id = $1", [sessionId])
  for (const token of [refreshToken, second, third]) t.equal(await next(app, token), REFUSED)
  t.match(await sessionRow(app, sessionId), { generation: 2, revoked_at: null })
  await app.sql("UPDATE session SET client_id = 'latchkey' WHERE id = $1", [sessionId])
  t.not(await next(app, third), REFUSED, 'only the client was wrong')
})

void t.test('refusals of every reason: one text', async (t) => {
  const ended = await givenSession(app)
  await app.sql('UPDATE session SET revoked_at = latchkey_now() WHERE id = $1', [ended.sessionId])
  const gone = await givenSession(app)
  await app.sql('DELETE FROM session WHERE id = $1', [gone.sessionId])
  const reused = await givenSession(app)
  await next(app, await next(app, reused.refreshToken))
  const tokens = [ended.refreshToken, gone.refreshToken, reused.refreshToken, 'garbage', 'lkr_AAAA']
  const bodies = new Set<string>()
  for (const token of tokens) bodies.add((await refresh(app, token)).body)
  t.equal(bodies.size, 1)
})

void t.test('a forged token: refused without Postgres; a true one: 503 without it', async (t) => {
  const { refreshToken, sessionId } = await givenSession(app)
  const { wire, post } = await startBehindWire(t, app)
  await wire.cut()
  const bytes = Buffer.from(refreshToken.slice(4), 'base64url')
  for (const at of [0, 1, 5, 20, 24, 25, 56, 57, bytes.length - 1]) {
    const forged = Buffer.from(bytes)
    forged[at]! ^= 1
    const body = { refresh_token: `lkr_${forged.toString('base64url')}` }
    isProblem(t, await post('/auth/refresh-token', body), 401, `byte ${at} is another`)
  }
  const answer = await post('/auth/refresh-token', { refresh_token: refreshToken })
  t.equal(isProblem(t, answer, 503, 'the true one').code, 'service_unavailable')
  t.match(answer.headers['retry-after'], /^\d+$/)
  await wire.restore()
  t.match(await sessionRow(app, sessionId), { generation: 0, revoked_at: null })
  t.equal((await post('/auth/refresh-token', { refresh_token: refreshToken })).statusCode, 200)
})
