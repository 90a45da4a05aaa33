import t from 'tap'
import { startApp } from '../support/app.ts'
import { givenSession, givenUser, mailTo, PASSWORD, secretsOf } from '../support/builders.ts'
import { register } from '../support/registrations.ts'

const app = await startApp(t, { PASSWORD_COMPOSITION: 'upper digit symbol' })
const GOOD = 'Sparrow-lantern-42-quartz'
const reasonsOf = (answer: { json: () => { errors?: { detail: string }[] } }) =>
  answer.json().errors?.map(({ detail }) => detail)

void t.test('a password without the kinds asked for: 422 with each reason', async (t) => {
  const plain = await register(app, { password: 'sparrowlanternquartzmeadow' })
  t.equal(plain.statusCode, 422)
  t.equal(plain.json().code, 'weak_password')
  t.strictSame(reasonsOf(plain), [
    'needs an upper case letter',
    'needs a digit',
    'needs a character that is no letter or digit'
  ])
  const one = await register(app, { password: 'SparrowLantern42Quartz' })
  t.strictSame(reasonsOf(one), ['needs a character that is no letter or digit'])
  const letters = 'ÉTOILE filante №٣٤'
  t.equal((await register(app, { password: letters })).statusCode, 201, 'of any script')
  t.equal((await register(app, { password: GOOD })).statusCode, 201)
})

void t.test('a new password, by change and by reset: the same rules', async (t) => {
  const user = await givenUser(app, { password: GOOD })
  const { accessToken } = await givenSession(app, user)
  const headers = { authorization: `Bearer ${accessToken}` }
  const body = { current_password: GOOD, new_password: 'granite otter meadow' }
  const changed = await app.post('/users/change-password', body, headers)
  t.strictSame(reasonsOf(changed), ['needs an upper case letter', 'needs a digit'])
  await app.post('/auth/forgot-password', { email: user.email })
  const { token } = secretsOf(await mailTo(app, user.email, /Reset/))
  const reset = await app.post('/auth/reset-password', { token, new_password: PASSWORD })
  t.strictSame(reasonsOf(reset), ['needs an upper case letter'])
  const good = await app.post('/auth/reset-password', { token, new_password: `${GOOD}!` })
  t.equal(good.statusCode, 200, 'and the token was not spent by the weak one')
})
