import t from 'tap'
import { startApp } from '../support/app.ts'
import { freshEmail, givenUser, mailTo, PASSWORD, secretsOf } from '../support/builders.ts'

const app = await startApp(t)
const NEW_PASSWORD = 'granite-otter-77-meadow'

async function submit(path: string, form: Record<string, string>) {
  return app.app.inject({
    method: 'POST',
    url: path,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    payload: new URLSearchParams(form).toString()
  })
}

void t.test(
  'a forgotten password, by the pages alone: asked for, set, and logged in with',
  async (t) => {
    const { email } = await givenUser(app)
    t.match((await app.get('/forgot-password')).body, '<form method="post"')
    t.match((await submit('/forgot-password', { email })).body, 'on its way')
    t.match((await submit('/forgot-password', { email: freshEmail() })).body, 'on its way')
    const { token } = secretsOf(await mailTo(app, email, /Reset/))
    const page = await app.get(`/reset-password?token=${token}`)
    t.match(page.headers['referrer-policy'], 'same-origin')
    t.match(page.body, `value="${token}"`)
    const weak = await submit('/reset-password', { token, new_password: 'password1' })
    t.equal(weak.statusCode, 422)
    t.match(weak.body, `value="${token}"`, 'the form can be sent again')
    const set = await submit('/reset-password', { token, new_password: NEW_PASSWORD })
    t.equal(set.statusCode, 200)
    t.equal((await app.post('/auth/login', { email, password: NEW_PASSWORD })).statusCode, 200)
    t.equal((await submit('/reset-password', { token, new_password: PASSWORD })).statusCode, 400)
  }
)

void t.test('the front page: leads to the API and to the captured mail', async (t) => {
  const { body, statusCode } = await app.get('/')
  t.equal(statusCode, 200)
  t.match(body, '/docs/')
  t.match(body, '/dev/mail')
})
