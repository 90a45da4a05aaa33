import t from 'tap'
import { startApp } from '../support/app.ts'
import { givenSession, givenUser, mailTo, refresh } from '../support/builders.ts'
import { outboxEmpty } from '../support/registrations.ts'
import { eventsOf, liveOnes, sessionRow } from '../support/session-rows.ts'

const app = await startApp(t)

/** A session at generation 5 whose row says 2, as after a failover that lost commits. */
async function givenLostCommits() {
  const session = await givenSession(app)
  const tokens = [session.refreshToken]
  for (let generation = 1; generation <= 5; generation += 1) {
    const answer = await refresh(app, tokens.at(-1)!)
    tokens.push(answer.json().refresh_token as string)
  }
  await app.sql('UPDATE session SET generation = 2 WHERE id = $1', [session.sessionId])
  return { ...session, tokens, newest: tokens.at(-1)! }
}

async function aheadEvents(sessionId: string) {
  return (await eventsOf(app, sessionId)).filter(({ type }) => type === 'session.ahead_of_store')
}

void t.test(
  'a token ahead of its row: works, the row catches up, and it is recorded',
  async (t) => {
    const { newest, sessionId, user } = await givenLostCommits()
    const answer = await refresh(app, newest)
    t.equal(answer.statusCode, 200)
    t.match(await sessionRow(app, sessionId), { generation: 6, revoked_at: null })
    t.match(await aheadEvents(sessionId), [
      {
        user_id: user.id,
        client_id: 'latchkey',
        request_id: answer.headers['x-request-id'],
        address_sealed: Buffer,
        details: { stored: 2, presented: 5 }
      }
    ])
    t.equal(
      (await refresh(app, answer.json().refresh_token as string)).statusCode,
      200,
      'and goes on'
    )
    t.equal((await aheadEvents(sessionId)).length, 1, 'recorded once')
  }
)

void t.test('a token ahead of its row, fifty callers at once: one rotation', async (t) => {
  const { newest, sessionId } = await givenLostCommits()
  const answers = await Promise.all(Array.from({ length: 50 }, () => refresh(app, newest)))
  t.strictSame(new Set(answers.map(({ statusCode }) => statusCode)), new Set([200]))
  t.equal(new Set(answers.map((answer) => answer.json().refresh_token as string)).size, 1)
  t.match(await sessionRow(app, sessionId), { generation: 6, revoked_at: null })
  t.equal((await aheadEvents(sessionId)).length, 1, 'one of them jumped')
})

void t.test('tokens older than what was caught up: theft, as ever', async (t) => {
  const { newest, tokens, sessionId } = await givenLostCommits()
  const successor = (await refresh(app, newest)).json().refresh_token as string
  t.equal((await refresh(app, tokens[2]!)).statusCode, 401)
  t.equal((await sessionRow(app, sessionId)).revoke_reason, 'refresh_token_reuse')
  t.equal((await refresh(app, successor)).statusCode, 401)
})

void t.test('a token ahead of the row of an ended session: refused', async (t) => {
  const { newest, sessionId } = await givenLostCommits()
  await app.sql('UPDATE session SET revoked_at = latchkey_now() WHERE id = $1', [sessionId])
  t.equal((await refresh(app, newest)).statusCode, 401)
  t.equal((await sessionRow(app, sessionId)).generation, 2)
  t.strictSame(await aheadEvents(sessionId), [])
})

void t.test('theft: recorded, told to the owner, and no other session is touched', async (t) => {
  const user = await givenUser(app)
  const login = { email: user.email, password: user.password, device: 'An old phone' }
  const stolen = (await app.post('/auth/login', login)).json()
  const other = await givenSession(app, user)
  const stranger = await givenSession(app)
  const second = (await refresh(app, stolen.refresh_token as string)).json()
  const third = (await refresh(app, second.refresh_token as string)).json()
  const answer = await refresh(app, stolen.refresh_token as string)
  t.equal(answer.json().code, 'invalid_refresh_token')

  const [row] = await app.sql<{ id: string }>(
    "SELECT id FROM session WHERE user_id = $1 AND device = 'An old phone'",
    [user.id]
  )
  t.match(await sessionRow(app, row!.id), { revoke_reason: 'refresh_token_reuse', generation: 2 })
  const events = (await eventsOf(app, row!.id)).filter(({ type }) => /reuse/.test(type))
  t.match(events, [
    {
      type: 'session.reuse_detected',
      user_id: user.id,
      client_id: 'latchkey',
      request_id: answer.headers['x-request-id'],
      details: { stored: 2, presented: 0 }
    }
  ])
  const mail = await mailTo(app, user.email, /ended one of your sessions/)
  t.match(mail.text, /An old phone/)
  t.notMatch(mail.text + mail.html, /lkr_|eyJ/, 'no token in it')

  t.strictSame(await liveOnes(app, [other.sessionId, stranger.sessionId]), [
    other.sessionId,
    stranger.sessionId
  ])
  t.equal((await app.get('/auth/me', other.accessToken)).statusCode, 200)
  for (const token of [stolen, second, third].map(({ access_token }) => access_token as string)) {
    t.equal((await app.get('/verify-token', token)).statusCode, 401, 'its tokens are dead')
  }
})

void t.test('theft, found by fifty callers at once: one event, one mail', async (t) => {
  const { user, refreshToken, sessionId } = await givenSession(app)
  const second = (await refresh(app, refreshToken)).json().refresh_token as string
  await refresh(app, second)
  await outboxEmpty(app)
  const mailsBefore = await mailCount()
  const answers = await Promise.all(Array.from({ length: 50 }, () => refresh(app, refreshToken)))
  t.strictSame(new Set(answers.map(({ statusCode }) => statusCode)), new Set([401]))
  const found = (await eventsOf(app, sessionId)).filter(({ type }) => /reuse/.test(type))
  t.equal(found.length, 1)
  t.equal((await mailCount()) - mailsBefore, 1)
  await mailTo(app, user.email, /ended one of your sessions/)
})

async function mailCount(): Promise<number> {
  const [row] = await app.sql<{ count: number }>(
    'SELECT count(*)::int AS count FROM outbox_message'
  )
  return row!.count
}
