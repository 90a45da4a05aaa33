import t from 'tap'
import { startApp } from '../support/app.ts'
import { givenSession, mailTo, PASSWORD, refresh } from '../support/builders.ts'

const app = await startApp(t)
const NEW_PASSWORD = 'granite-otter-77-meadow'

async function change(accessToken: string, current: string, next: string) {
  const body = { current_password: current, new_password: next }
  return app.post('/users/change-password', body, { authorization: `Bearer ${accessToken}` })
}

void t.test(
  'the right current password: changed, other sessions ended, this one lives, owner told',
  async (t) => {
    const here = await givenSession(app)
    const there = await givenSession(app, here.user)
    t.equal((await change(here.accessToken, PASSWORD, NEW_PASSWORD)).statusCode, 200)
    t.equal((await refresh(app, there.refreshToken)).statusCode, 401)
    t.equal((await refresh(app, here.refreshToken)).statusCode, 200)
    const { email } = here.user
    t.equal((await app.post('/auth/login', { email, password: PASSWORD })).statusCode, 401)
    t.equal((await app.post('/auth/login', { email, password: NEW_PASSWORD })).statusCode, 200)
    t.ok(await mailTo(app, email, /was changed/))
  }
)

void t.test('a wrong current password: 401, and nothing has changed', async (t) => {
  const { user, accessToken, refreshToken } = await givenSession(app)
  const answer = await change(accessToken, 'not-my-password-at-all', NEW_PASSWORD)
  t.equal(answer.json().code, 'invalid_credentials')
  t.equal(
    (await app.post('/auth/login', { email: user.email, password: PASSWORD })).statusCode,
    200
  )
  t.equal((await refresh(app, refreshToken)).statusCode, 200)
})

void t.test('fifty changes at once from one password: exactly one wins', async (t) => {
  const { accessToken } = await givenSession(app)
  const attempts = Array.from({ length: 50 }, (_, i) =>
    change(accessToken, PASSWORD, `${NEW_PASSWORD}-${i}`)
  )
  const codes = (await Promise.all(attempts)).map(({ statusCode }) => statusCode)
  t.equal(codes.filter((code) => code === 200).length, 1)
  t.ok(
    codes.every((code) => [200, 401, 503].includes(code)),
    'the rest is refused, or shed'
  )
})
