import { randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import { startApp } from '../support/app.ts'
import { startBehindWire } from '../support/behind-wire.ts'
import { givenSession, givenUser, refresh } from '../support/builders.ts'
import { isProblem } from '../support/problem.ts'
import { bearer } from '../support/server-sessions.ts'
import { eventsOf, liveOnes, sessionRow } from '../support/session-rows.ts'

const app = await startApp(t)

async function logout(body?: object, headers: Record<string, string> = {}) {
  return app.post('/auth/logout', body, headers)
}

/** Three sessions of one person, and one of somebody else. */
async function givenFour() {
  const user = await givenUser(app)
  const mine = [
    await givenSession(app, user),
    await givenSession(app, user),
    await givenSession(app, user)
  ] as const
  const stranger = await givenSession(app)
  const ids = [...mine, stranger].map(({ sessionId }) => sessionId)
  /** Which of the four live: 0, 1 and 2 are one person's, 3 is the stranger's. */
  const live = async () => (await liveOnes(app, ids)).map((id) => ids.indexOf(id))
  return { mine, stranger, live }
}

/** The answer is the same, whatever was done. */
function done(t: Test, { statusCode, body }: { statusCode: number; body: string }, what: string) {
  t.equal(statusCode, 200, what)
  t.strictSame(JSON.parse(body), { message: 'Logged out.' }, what)
}

const REACH = {
  this: [1, 2, 3],
  others: [0, 3],
  all: [3]
}

for (const [scope, left] of Object.entries(REACH)) {
  void t.test(`scope ${scope}, with Bearer: ends what it says, repeatably`, async (t) => {
    const { mine, live } = await givenFour()
    const headers = bearer(mine[0].accessToken)
    done(t, await logout({ scope }, headers), 'once')
    t.strictSame(await live(), left)
    done(t, await logout({ scope }, headers), 'again')
    t.strictSame(await live(), left)
    for (const [index, { accessToken, refreshToken }] of mine.entries()) {
      const expected = left.includes(index) ? 200 : 401
      t.equal((await app.get('/auth/me', accessToken)).statusCode, expected)
      t.equal((await refresh(app, refreshToken)).statusCode, expected)
    }
  })

  void t.test(`scope ${scope}, with the current refresh token: ends what it says`, async (t) => {
    const { mine, live } = await givenFour()
    const current = (await refresh(app, mine[0].refreshToken)).json().refresh_token as string
    done(t, await logout({ scope, refresh_token: current }), 'once')
    t.strictSame(await live(), left)
    done(t, await logout({ scope, refresh_token: current }), 'again')
    t.strictSame(await live(), left)
  })

  void t.test(`scope ${scope}, with a refresh token of old: its own session at most`, async (t) => {
    const { mine, live } = await givenFour()
    const old = mine[0].refreshToken
    const second = (await refresh(app, old)).json().refresh_token as string
    const third = (await refresh(app, second)).json().refresh_token as string
    for (const spent of [old, second]) {
      done(t, await logout({ scope, refresh_token: spent }), 'a spent one')
      t.strictSame(await live(), scope === 'this' ? [1, 2, 3] : [0, 1, 2, 3])
    }
    const expected = scope === 'this' ? 401 : 200
    t.equal((await refresh(app, third)).statusCode, expected)
  })
}

for (const column of ['expires_at', 'idle_expires_at']) {
  void t.test(`an expired refresh token (${column}): its own session at most`, async (t) => {
    const { mine, live } = await givenFour()
    await app.sql(
      `UPDATE session SET ${column} = latchkey_now() - interval '1 second' WHERE id = $1`,
      [mine[0].sessionId]
    )
    for (const scope of ['others', 'all']) {
      done(t, await logout({ scope, refresh_token: mine[0].refreshToken }), scope)
      t.strictSame(await live(), [0, 1, 2, 3])
    }
    done(t, await logout({ scope: 'this', refresh_token: mine[0].refreshToken }), 'this')
    t.strictSame(await live(), [1, 2, 3])
  })
}

void t.test('no scope: this session; no body at all: the same', async (t) => {
  const { mine, live } = await givenFour()
  done(t, await logout({}, bearer(mine[0].accessToken)), 'an empty object')
  t.strictSame(await live(), [1, 2, 3])
  done(t, await logout(undefined, bearer(mine[1].accessToken)), 'no body')
  t.strictSame(await live(), [2, 3])
})

void t.test('Bearer and a refresh token of somebody else: Bearer decides', async (t) => {
  const { mine, stranger, live } = await givenFour()
  const body = { scope: 'this', refresh_token: stranger.refreshToken }
  done(t, await logout(body, bearer(mine[0].accessToken)), 'both')
  t.strictSame(await live(), [1, 2, 3], 'the stranger stays')
})

void t.test('a Bearer that is dead beside a good refresh token: that one counts', async (t) => {
  const { mine, live } = await givenFour()
  const body = { refresh_token: mine[0].refreshToken }
  done(t, await logout(body, bearer('garbage')), 'garbage beside it')
  t.strictSame(await live(), [1, 2, 3])
})

void t.test('nothing usable: 200, and nothing is done', async (t) => {
  const { mine, stranger, live } = await givenFour()
  const token = mine[0].refreshToken
  const forged = token.slice(0, -2) + (token.endsWith('AA') ? 'BB' : 'AA')
  for (const scope of ['this', 'others', 'all']) {
    done(t, await logout({ scope }), 'nothing')
    done(t, await logout({ scope }, bearer('garbage')), 'garbage as Bearer')
    done(t, await logout({ scope }, bearer(token)), 'a refresh token as Bearer')
    done(t, await logout({ scope }, { cookie: `refresh_token=${token}` }), 'a cookie of no meaning')
    for (const none of [forged, 'lkr_', 'garbage', randomUUID()]) {
      done(t, await logout({ scope, refresh_token: none }), none.slice(0, 10))
    }
  }
  await app.sql("UPDATE session SET client_id = 'shop' WHERE id = $1", [stranger.sessionId])
  done(t, await logout({ refresh_token: stranger.refreshToken }), 'of another client')
  t.strictSame(await live(), [0, 1, 2, 3])
})

void t.test('a disabled person’s refresh token: still ends its session', async (t) => {
  const { user, refreshToken, sessionId } = await givenSession(app)
  await app.sql("UPDATE users SET status = 'disabled' WHERE id = $1", [user.id])
  done(t, await logout({ refresh_token: refreshToken }), 'disabled')
  t.ok((await sessionRow(app, sessionId)).revoked_at)
})

void t.test('a logout: recorded once per session that it ended', async (t) => {
  const user = await givenUser(app)
  const first = await givenSession(app, user)
  const second = await givenSession(app, user)
  const answer = await logout({ scope: 'all' }, bearer(first.accessToken))
  await logout({ scope: 'all', refresh_token: second.refreshToken })
  for (const { sessionId } of [first, second]) {
    t.equal((await sessionRow(app, sessionId)).revoke_reason, 'logout')
    const ended = (await eventsOf(app, sessionId)).filter(({ type }) => type === 'session.ended')
    t.match(ended, [
      {
        user_id: user.id,
        client_id: 'latchkey',
        request_id: answer.headers['x-request-id'],
        address_sealed: Buffer
      }
    ])
    t.equal(ended.length, 1, 'not again by the second logout')
  }
})

void t.test('fifty logouts at once: all 200, one end, one event', async (t) => {
  const { accessToken, refreshToken, sessionId } = await givenSession(app)
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, index) =>
      index % 2 === 0 ? logout({}, bearer(accessToken)) : logout({ refresh_token: refreshToken })
    )
  )
  for (const answer of answers) done(t, answer, 'one of fifty')
  const ended = (await eventsOf(app, sessionId)).filter(({ type }) => type === 'session.ended')
  t.equal(ended.length, 1)
})

void t.test('Postgres away: 503, for the session has not ended', async (t) => {
  const { accessToken, refreshToken, sessionId } = await givenSession(app)
  const { wire, post } = await startBehindWire(t, app)
  await wire.cut()
  isProblem(t, await post('/auth/logout', {}, bearer(accessToken)), 503, 'Bearer')
  isProblem(t, await post('/auth/logout', { refresh_token: refreshToken }), 503, 'refresh token')
  done(t, await post('/auth/logout', { refresh_token: 'garbage' }), 'garbage needs no Postgres')
  t.equal((await sessionRow(app, sessionId)).revoked_at, null)
})
