import t from 'tap'
import { startApp } from '../support/app.ts'
import { givenSession, mailTo, PASSWORD } from '../support/builders.ts'

const app = await startApp(t)

async function end(accessToken: string, id: string) {
  return app.app.inject({
    method: 'DELETE',
    url: `/users/sessions/${id}`,
    headers: { authorization: `Bearer ${accessToken}` }
  })
}

void t.test(
  'the list of logins: own ones, current marked, device and coarse address',
  async (t) => {
    const here = await givenSession(app)
    const { email } = here.user
    await app.post('/auth/login', { email, password: PASSWORD, device: 'Kitchen tablet' })
    await givenSession(app)
    const { sessions } = (await app.get('/users/sessions', here.accessToken)).json()
    t.equal(sessions.length, 2)
    t.match(
      sessions.find((session: { current: boolean }) => session.current),
      { id: here.sessionId, address: '127.0.0.x', client_id: 'latchkey' }
    )
    t.ok(sessions.some((session: { device: string }) => session.device === 'Kitchen tablet'))
    t.ok(await mailTo(app, email, /New login/), 'a device of a new name is told about')
  }
)

void t.test('ending one of them: its tokens are dead, the others live', async (t) => {
  const here = await givenSession(app)
  const there = await givenSession(app, here.user)
  t.equal((await end(here.accessToken, there.sessionId)).statusCode, 200)
  t.equal((await app.get('/verify-token', there.accessToken)).statusCode, 401)
  t.equal((await app.get('/auth/me', here.accessToken)).statusCode, 200)
  t.equal((await end(here.accessToken, there.sessionId)).statusCode, 404)
})

void t.test("somebody else's session: 404, and it lives", async (t) => {
  const mine = await givenSession(app)
  const theirs = await givenSession(app)
  t.equal((await end(mine.accessToken, theirs.sessionId)).statusCode, 404)
  t.equal((await end(mine.accessToken, 'not-a-uuid')).statusCode, 422)
  t.equal((await app.get('/auth/me', theirs.accessToken)).statusCode, 200)
})
