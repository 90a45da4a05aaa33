import t from 'tap'
import { startApp } from '../support/app.ts'
import { freshEmail, givenUser } from '../support/builders.ts'
import { eventually } from '../support/eventually.ts'
import { atOnce, givenRegistration, statuses, usersWith, verify } from '../support/registrations.ts'

const app = await startApp(t)
const WRONG = '2222-2222'

void t.test('a code, typed in any case with blanks and dashes: verifies', async (t) => {
  const spellings: ((code: string) => string)[] = [
    (code) => code,
    (code) => code.toLowerCase(),
    (code) => code.replace('-', ''),
    (code) => code.replace('-', ' '),
    (code) => ` ${Array.from(code.replace('-', '')).join(' - ')}\t`.slice(0, 32)
  ]
  for (const spell of spellings) {
    const { email, code, id } = await givenRegistration(app)
    const typed = spell(code)
    t.equal((await verify(app, { email: email.toUpperCase(), code: typed })).statusCode, 200, typed)
    t.strictSame(await usersWith(app, id), [id])
  }
})

void t.test('a code, typed beside another address: wrong', async (t) => {
  const mine = await givenRegistration(app)
  const theirs = await givenRegistration(app)
  t.equal((await verify(app, { email: theirs.email, code: mine.code })).statusCode, 400)
  t.strictSame(await usersWith(app, mine.id, theirs.id), [])
})

void t.test(
  'wrong codes, for an address known or not: five answers, then 429 for both alike',
  async (t) => {
    const { email, code, token, id } = await givenRegistration(app)
    const taken = (await givenUser(app)).email
    const unknown = freshEmail()
    const answers: string[][] = []
    for (const address of [email, taken, unknown]) {
      const seen = []
      for (let guess = 0; guess < 7; guess += 1) {
        const answer = await verify(app, { email: address, code: WRONG })
        const waits = Number(answer.headers['retry-after'] ?? 0)
        if (answer.statusCode === 429) t.ok(waits > 3_500 && waits <= 3_600, `wait ${waits} s`)
        seen.push(`${answer.statusCode} ${answer.body}`)
      }
      answers.push(seen)
    }
    t.strictSame(
      answers[0]?.map((line) => line.slice(0, 3)),
      ['400', '400', '400', '400', '400', '429', '429']
    )
    t.strictSame(answers[1], answers[0])
    t.strictSame(answers[2], answers[0])
    t.equal((await verify(app, { email, code })).statusCode, 429, 'the right code is not looked at')
    t.strictSame(await usersWith(app, id), [])
    t.equal((await verify(app, { token })).statusCode, 200, 'the link still works')
    t.strictSame(await usersWith(app, id), [id])
  }
)

void t.test('an address without guesses left, an hour later: the right code works', async (t) => {
  const { email, code, id } = await givenRegistration(app)
  await atOnce(6, () => verify(app, { email, code: WRONG }))
  await app.moveTime(3_590)
  t.equal((await verify(app, { email, code })).statusCode, 429, 'not a moment earlier')
  await app.moveTime(3_601)
  t.equal((await verify(app, { email, code })).statusCode, 200)
  t.strictSame(await usersWith(app, id), [id])
  await app.moveTime(0)
})

void t.test(
  'fifty wrong codes and the right one at once: five are looked at, the right one is not',
  async (t) => {
    const { email, code, token, id } = await givenRegistration(app)
    const answers = await atOnce(51, (index) =>
      verify(app, { email, code: index < 50 ? WRONG : code })
    )
    t.strictSame(statuses(answers), { 400: 5, 429: 46 })
    t.equal(answers.at(-1)?.statusCode, 429, 'beyond the limit it is not evaluated')
    t.strictSame(await usersWith(app, id), [])
    t.equal((await verify(app, { token })).statusCode, 200)
  }
)

void t.test('guesses over several codes of one address: one count for all of them', async (t) => {
  const { email, code } = await givenRegistration(app)
  await atOnce(3, () => verify(app, { email, code: WRONG }))
  await app.post('/auth/resend-verification', { email })
  await eventually('the resend, worked off', async () => {
    const open = await app.sql(
      `SELECT id FROM outbox_message WHERE kind = 'mail_request' AND sent_at IS NULL`
    )
    return open.length === 0
  })
  await givenRegistration(app, { email })
  t.equal(
    (await verify(app, { email, code })).statusCode,
    400,
    'the fourth: replaced by the resend'
  )
  t.equal((await verify(app, { email: email.toUpperCase(), code: WRONG })).statusCode, 400)
  t.equal((await verify(app, { email, code: WRONG })).statusCode, 429, 'spelling gives no more')
})

void t.test('a right code, after four wrong ones: is not counted', async (t) => {
  const email = freshEmail()
  const { code } = await givenRegistration(app, { email })
  for (let guess = 0; guess < 4; guess += 1) await verify(app, { email, code: WRONG })
  t.equal((await verify(app, { email, code })).statusCode, 200)
  t.equal((await verify(app, { email, code })).statusCode, 400, 'the fifth wrong one')
  t.equal((await verify(app, { email, code })).statusCode, 429)
})

void t.test('text that can be no code: counts as a guess and tells nothing', async (t) => {
  const { email } = await givenRegistration(app)
  const wrong = (await verify(app, { email, code: WRONG })).body
  for (const code of ['0000-0000', 'short', 'ÄÖÜß-2345', '7KQM\u20112XHD']) {
    t.equal((await verify(app, { email, code })).body, wrong, code)
  }
  t.equal((await verify(app, { email, code: 'x' })).statusCode, 429)
})
