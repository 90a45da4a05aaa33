import t from 'tap'
import { startApp } from '../support/app.ts'
import { freshEmail, givenUser, mailTo, PASSWORD } from '../support/builders.ts'
import { eventually } from '../support/eventually.ts'
import { mailsTo } from '../support/registrations.ts'

const app = await startApp(t)
const WRONG = 'a-wrong-password'

async function login(email: string, password: string = WRONG) {
  return app.post('/auth/login', { email, password })
}

/** Guesses wrong so often that the next guess is the tenth, and the lane is open for it. */
async function givenNineGuesses(email: string): Promise<void> {
  for (let i = 0; i < 4; i += 1) await login(email)
  await app.sql(
    `UPDATE guess_lane SET failures = 9 WHERE updated_at = (SELECT max(updated_at) FROM guess_lane)`
  )
}

async function notices(): Promise<{ waiting: number; all: number }> {
  const [row] = await app.sql<{ waiting: number; all: number }>(
    `SELECT count(*)::int AS all, count(*) FILTER (WHERE sent_at IS NULL)::int AS waiting
       FROM outbox_message WHERE kind = 'mail_request'`
  )
  return row!
}

const noneWaits = () => eventually('no notice', async () => (await notices()).waiting === 0)

async function locked(userId: string) {
  return app.sql(`SELECT id FROM audit_event WHERE type = 'account.locked' AND user_id = $1`, [
    userId
  ])
}

void t.test('the tenth wrong guess, at a person and at nobody: writes the same', async (t) => {
  const { id, email } = await givenUser(app)
  const nobody = freshEmail()
  for (const [i, name] of [email, nobody].entries()) {
    await givenNineGuesses(name)
    t.equal((await notices()).all, i, 'nothing before')
    t.equal((await login(name)).json().code, 'invalid_credentials')
    t.equal((await notices()).all, i + 1)
  }
  await noneWaits()
  t.ok(await mailTo(app, email, /guessing your password/), 'the owner is told')
  t.equal((await locked(id)).length, 1, 'and it is in the trail')
  t.equal((await mailsTo(app, nobody, 0)).length, 0)
})

void t.test('a right tenth guess: nobody is told', async (t) => {
  const { id, email } = await givenUser(app)
  await givenNineGuesses(email)
  t.equal((await login(email, PASSWORD)).statusCode, 200)
  await noneWaits()
  t.strictSame(await locked(id), [])
})
