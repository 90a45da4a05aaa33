import t from 'tap'
import { startApp } from '../support/app.ts'
import { givenSession, refresh } from '../support/builders.ts'

const app = await startApp(t)

async function sessionRow(id: string) {
  const [row] = await app.sql(
    'SELECT generation, revoked_at, revoke_reason FROM session WHERE id = $1',
    [id]
  )
  return row!
}

void t.test(
  'a refresh token, shown once: a new pair, and the session is one generation on',
  async (t) => {
    const { refreshToken, sessionId } = await givenSession(app)
    const answer = await refresh(app, refreshToken)
    t.equal(answer.statusCode, 200)
    t.not(answer.json().refresh_token, refreshToken)
    t.match(await sessionRow(sessionId), { generation: 1, revoked_at: null })
  }
)

void t.test(
  'one refresh token, fifty callers at once: one rotation, the same successor for all',
  async (t) => {
    const { refreshToken, sessionId } = await givenSession(app)
    const answers = await Promise.all(Array.from({ length: 50 }, () => refresh(app, refreshToken)))
    t.strictSame(new Set(answers.map(({ statusCode }) => statusCode)), new Set([200]))
    const successors = new Set(answers.map((answer) => answer.json().refresh_token as string))
    t.equal(successors.size, 1, 'everybody inside the grace gets the same successor')
    t.match(
      await sessionRow(sessionId),
      { generation: 1, revoked_at: null },
      'and the session lives'
    )
  }
)

void t.test(
  'a token two generations old, shown again: the session ends (RFC 9700 §4.14.2)',
  async (t) => {
    const { refreshToken: first, sessionId } = await givenSession(app)
    const second = (await refresh(app, first)).json().refresh_token as string
    const third = (await refresh(app, second)).json().refresh_token as string
    t.equal((await refresh(app, first)).json().code, 'invalid_refresh_token')
    t.equal((await refresh(app, third)).statusCode, 401, 'its successors died with it')
    const row = await sessionRow(sessionId)
    t.ok(row['revoked_at'], 'and the revocation was committed')
    t.equal(row['revoke_reason'], 'refresh_token_reuse')
    const events = await app.sql<{ type: string }>(
      `SELECT type FROM audit_event WHERE session_id = $1 AND type <> 'login.succeeded' ORDER BY type`,
      [sessionId]
    )
    t.strictSame(
      events.map(({ type }) => type),
      ['session.ended', 'session.reuse_detected']
    )
  }
)

void t.test('the predecessor after the grace, shown again: the session ends', async (t) => {
  const { refreshToken: first, sessionId } = await givenSession(app)
  await refresh(app, first)
  await app.moveTime(11)
  t.equal((await refresh(app, first)).statusCode, 401)
  t.ok((await sessionRow(sessionId))['revoked_at'])
  await app.moveTime(0)
})
