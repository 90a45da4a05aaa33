import t from 'tap'
import { startApp } from '../support/app.ts'
import { givenUser, mailTo, PASSWORD, secretsOf } from '../support/builders.ts'
import { givenLogin, isLoggedIn, sidOf, thiefOf, type Visitor } from '../support/page-visitor.ts'
import { bearer } from '../support/server-sessions.ts'
import { eventsOf, liveOnes } from '../support/session-rows.ts'
import { timed } from '../support/timed.ts'

const app = await startApp(t)
const NEW_PASSWORD = 'granite-otter-77-meadow'

const DEATHS: Record<string, (visitor: Visitor, email: string, id: string) => Promise<unknown>> = {
  'its owner logs out': (visitor) => visitor.send('/logout'),
  'its owner signs out everywhere': (visitor) => visitor.send('/account/sign-out-everywhere'),
  'its owner ends it from another browser': async (visitor, email) => {
    const other = await givenLogin(app, email)
    return other.send('/account/sessions/end', { id: sidOf(visitor) })
  },
  'its owner ends all others': async (_visitor, email) => {
    const other = await givenLogin(app, email)
    return other.send('/account/sessions/end-others')
  },
  'its owner changes the password elsewhere': async (_visitor, email) => {
    const other = await givenLogin(app, email)
    return other.send('/account/password', {
      current_password: PASSWORD,
      new_password: NEW_PASSWORD,
      confirm_password: NEW_PASSWORD
    })
  },
  'its owner logs out of all by the API': async (_visitor, email) => {
    const login = await app.post('/auth/login', { email, password: PASSWORD })
    return app.post('/auth/logout', { scope: 'all' }, bearer(login.json().access_token as string))
  },
  'its owner resets the password': async (_visitor, email) => {
    await app.post('/auth/forgot-password', { email })
    const { token } = secretsOf(await mailTo(app, email, /Reset/))
    return app.post('/auth/reset-password', { token, new_password: NEW_PASSWORD })
  },
  'the person is disabled': (_visitor, _email, id) =>
    app.sql(`UPDATE users SET status = 'disabled' WHERE id = $1`, [id]),
  'a reset is forced': (_visitor, _email, id) =>
    app.sql('UPDATE users SET must_reset = true WHERE id = $1', [id]),
  'the person is erased': (_visitor, _email, id) => app.sql('DELETE FROM users WHERE id = $1', [id])
}

for (const [what, end] of Object.entries(DEATHS)) {
  void t.test(`a stolen cookie, after ${what}: dead within a second, everywhere`, async (t) => {
    const { email, id } = await givenUser(app)
    const visitor = await givenLogin(app, email)
    const thief = thiefOf(app, visitor)
    t.ok(await isLoggedIn(thief))
    await end(visitor, email, id)
    const { result, tookMs } = await timed(() => isLoggedIn(thief))
    t.notOk(result)
    t.ok(tookMs < 1_000)
  })
}

void t.test('a logout: the cookie goes, and again does no harm', async (t) => {
  const { email } = await givenUser(app)
  const visitor = await givenLogin(app, email)
  const sid = sidOf(visitor)
  t.equal((await visitor.open('/logout')).statusCode, 200)
  t.ok(await isLoggedIn(visitor), 'asking for the page ends nothing')
  const answer = await visitor.send('/logout')
  t.equal(answer.headers.location, '/logout')
  t.equal(visitor.session(), undefined)
  t.strictSame(await liveOnes(app, [sid]), [])
  t.equal((await visitor.send('/logout')).statusCode, 303)
  t.equal((await eventsOf(app, sid)).filter(({ type }) => type === 'session.ended').length, 1)
})

void t.test('time: used it slides, idle it ends, and the absolute end stays', async (t) => {
  const { email } = await givenUser(app)
  const visitor = await givenLogin(app, email)
  const day = 86_400
  const times = async () =>
    (
      await app.sql<{ last_used_at: Date; idle_expires_at: Date; expires_at: Date }>(
        'SELECT last_used_at, idle_expires_at, expires_at FROM session WHERE id = $1',
        [sidOf(visitor)]
      )
    )[0]!
  const first = await times()
  await app.moveTime(30)
  t.ok(await isLoggedIn(visitor))
  t.strictSame(await times(), first, 'not written down more than once a minute')
  await app.moveTime(13 * day)
  t.ok(await isLoggedIn(visitor))
  const second = await times()
  t.ok(second.idle_expires_at > first.idle_expires_at)
  t.strictSame(second.expires_at, first.expires_at)
  await app.moveTime(26 * day)
  t.ok(await isLoggedIn(visitor))
  t.strictSame((await times()).idle_expires_at, first.expires_at, 'never beyond the absolute end')
  await app.moveTime(30 * day + 1)
  t.notOk(await isLoggedIn(visitor))
  await app.moveTime(0)
  const idler = await givenLogin(app, email)
  await app.moveTime(14 * day + 1)
  t.notOk(await isLoggedIn(idler))
  await app.moveTime(0)
})

void t.test(
  "somebody else's session, ended from the account page: 404, and it lives",
  async (t) => {
    const [alice, bob] = [await givenUser(app), await givenUser(app)]
    const visitor = await givenLogin(app, alice.email)
    const other = await givenLogin(app, bob.email)
    const answer = await other.send('/account/sessions/end', { id: sidOf(visitor) })
    t.equal(answer.statusCode, 404)
    t.ok(await isLoggedIn(visitor))
  }
)
