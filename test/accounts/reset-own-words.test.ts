import t from 'tap'
import { startApp } from '../support/app.ts'
import { givenSession, givenUser, mailTo, PASSWORD, secretsOf } from '../support/builders.ts'

const app = await startApp(t)
/** More than the tries that a wrong code has. */
const OWN_WORDS = [
  'wilhelmina.f',
  'Wilhelmina Featherstone',
  'Featherstone Wilhelmina',
  'wilhelmina.featherstone',
  'featherstone1'
]
const NEW_PASSWORD = 'granite-otter-77-meadow'
const OWNER = { username: 'wilhelmina.f', name: 'Wilhelmina', surname: 'Featherstone' }

/** Somebody with names, who asked for a reset mail, and what it carries. */
async function givenReset(form: Record<string, string> = {}) {
  const user = await givenUser(app, form)
  await app.post('/auth/forgot-password', { email: user.email })
  return { ...user, ...secretsOf(await mailTo(app, user.email, /Reset/)) }
}

async function reset(proof: object, newPassword: string) {
  return app.post('/auth/reset-password', { ...proof, new_password: newPassword })
}

void t.test('a reset, to words of the owner: refused by link and by code', async (t) => {
  const { email, token, code } = await givenReset(OWNER)
  for (const own of [email, ...OWN_WORDS]) {
    for (const proof of [{ token }, { email, code }]) {
      const answer = await reset(proof, own)
      t.equal(answer.statusCode, 422, `${own}: ${Object.keys(proof).join(' and ')}`)
      t.equal(answer.json().code, 'weak_password')
    }
  }
  t.equal((await reset({ email, code }, NEW_PASSWORD)).statusCode, 200, 'nothing was spent by that')
  const login = await app.post('/auth/login', { email, password: NEW_PASSWORD })
  t.equal(login.statusCode, 200)
})

void t.test('a change, to words of the owner: refused alike', async (t) => {
  const user = await givenUser(app, { ...OWNER, username: 'wilhelmina.e' })
  const { accessToken } = await givenSession(app, user)
  const headers = { authorization: `Bearer ${accessToken}` }
  for (const own of [user.email, ...OWN_WORDS.slice(1)]) {
    const form = { current_password: PASSWORD, new_password: own }
    const answer = await app.post('/users/change-password', form, headers)
    t.equal(answer.json().code, 'weak_password', own)
  }
})

void t.test("a reset by somebody else's link: these words are nobody's here", async (t) => {
  const { token } = await givenReset()
  t.equal((await reset({ token }, 'Wilhelmina Featherstone')).statusCode, 200)
})

void t.test('a token that is spent, expired or made up: tells nothing of any owner', async (t) => {
  const { email, token, code } = await givenReset({ ...OWNER, username: 'wilhelmina.g' })
  const dead = { spent: { token }, unknown: { token: 'a'.repeat(43) } }
  t.equal((await reset({ token }, NEW_PASSWORD)).statusCode, 200)
  const answers = [
    await reset(dead.spent, 'Wilhelmina Featherstone'),
    await reset(dead.unknown, 'Wilhelmina Featherstone'),
    await reset({ email, code }, 'Wilhelmina Featherstone'),
    await reset({ email, code: 'AAAA-AAAA' }, 'Wilhelmina Featherstone')
  ]
  const late = await givenReset({ ...OWNER, username: 'wilhelmina.h' })
  await app.moveTime(31 * 60)
  answers.push(await reset({ token: late.token }, 'Wilhelmina Featherstone'))
  await app.moveTime(0)
  for (const answer of answers) {
    t.equal(answer.statusCode, 400)
    t.equal(answer.body, answers[0]!.body)
  }
  t.equal(
    (await app.post('/auth/login', { email: late.email, password: PASSWORD })).statusCode,
    200
  )
})
