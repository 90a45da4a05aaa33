import t, { type Test } from 'tap'
import { sha256 } from '../../src/lib/secrets.ts'
import { startApp, type TestApp } from '../support/app.ts'
import { freshEmail, mailTo, PASSWORD, secretsOf } from '../support/builders.ts'
import {
  atOnce,
  givenRegistration,
  login,
  mailsTo,
  outboxEmpty,
  register,
  statuses,
  usersWith,
  verify
} from '../support/registrations.ts'

const app = await startApp(t, { ARGON2_QUEUE_LENGTH: '200', ARGON2_WAIT_MS: '60000' })
const MALLORYS = 'strangers-password-88'
const ALICES = PASSWORD
const NEW = 'granite-otter-77-meadow'

const FORM = { name: 'Mallory', surname: 'M', phone_number: '+4930666666', locale: 'de' }

/** What may happen to an address before somebody opens one of its mails. */
const EVENTS = {
  mallory: (email: string) => register(app, { email, password: MALLORYS, ...FORM }),
  alice: (email: string) => register(app, { email, password: ALICES, name: 'Alice' }),
  resend: (email: string) => app.post('/auth/resend-verification', { email }),
  forgot: (email: string) => app.post('/auth/forgot-password', { email })
}
type Event = keyof typeof EVENTS

const ORDERS: Event[][] = [
  ['mallory', 'alice'],
  ['alice', 'mallory'],
  ['mallory', 'resend', 'alice'],
  ['mallory', 'alice', 'resend'],
  ['alice', 'mallory', 'resend'],
  ['mallory', 'forgot', 'alice'],
  ['alice', 'mallory', 'forgot'],
  ['mallory', 'alice', 'mallory']
]

/** The links that an address got and that still lead somewhere, oldest first. */
async function linksOf(email: string): Promise<string[]> {
  await outboxEmpty(app)
  const rows = await app.sql<{ hash: Buffer }>(
    'SELECT token_hash AS hash FROM one_time_token WHERE spent_at IS NULL'
  )
  const live = new Set(rows.map(({ hash }) => hash.toString('hex')))
  const mails = (await mailsTo(app, email, 1)).filter(({ subject }) => subject.startsWith('Verify'))
  const tokens = mails.map((mail) => secretsOf(mail).token)
  return tokens.filter((token) => live.has(sha256(token).toString('hex')))
}

async function userOf(from: TestApp, id: string) {
  const [row] = await from.sql(
    'SELECT password_hash, name, surname, username, phone_sealed, locale FROM users WHERE id = $1',
    [id]
  )
  return row
}

const EMPTY = {
  password_hash: null,
  name: null,
  surname: null,
  username: null,
  phone_sealed: null,
  locale: null
}

/** The account that a click made belongs to whoever reads the mail, and opens for nobody else. */
async function isAlicesOnly(t: Test, from: TestApp, email: string): Promise<void> {
  t.equal((await login(from, email, MALLORYS)).statusCode, 401, 'not with the stranger’s password')
  const { token } = secretsOf(await mailTo(from, email, /^Set your password/))
  const reset = { token, new_password: NEW }
  t.equal((await from.post('/auth/reset-password', reset)).statusCode, 200, 'she sets hers')
  t.equal((await login(from, email, NEW)).statusCode, 200, 'she is in, by her mail')
  t.equal((await login(from, email, MALLORYS)).statusCode, 401, 'the stranger never is')
}

for (const [which, pick] of [
  ['oldest', 0],
  ['newest', -1]
] as const) {
  void t.test(
    `an address two people registered, in any order, the ${which} mail opened: nobody’s password`,
    async (t) => {
      // Two at a time: many more would be shed by a busy machine.
      const waiting = [...ORDERS]
      await atOnce(2, async () => {
        for (let order = waiting.shift(); order !== undefined; order = waiting.shift()) {
          const email = freshEmail()
          for (const event of order) {
            t.match((await EVENTS[event](email)).statusCode, /^20[01]$/)
            await outboxEmpty(app)
          }
          const links = await linksOf(email)
          const answer = await verify(app, { token: links.at(pick) })
          t.equal(answer.statusCode, 200, order.join(' '))
          t.equal(answer.json().password_reset_required, true, 'contested')
          await isAlicesOnly(t, app, email)
        }
      })
    }
  )
}

void t.test('a contested address, verified: nothing of either form is kept', async (t) => {
  const email = freshEmail()
  const mallory = { password: MALLORYS, ...FORM, username: 'mallory-was-here' }
  const first = await givenRegistration(app, { email, ...mallory })
  const second = await givenRegistration(app, { email, password: ALICES, username: 'alice-chosen' })
  t.equal((await verify(app, { email, code: first.code })).json().password_reset_required, true)
  t.strictSame(await userOf(app, first.id), EMPTY)
  t.strictSame(await usersWith(app, first.id, second.id), [first.id])
  t.equal((await verify(app, { token: second.token })).statusCode, 400, 'the other mail is dead')
  t.equal((await login(app, email, ALICES)).statusCode, 401, 'nor does the other password count')
  const [event] = await app.sql(
    `SELECT details FROM audit_event WHERE type = 'account.verified' AND user_id = $1`,
    [first.id]
  )
  t.strictSame(event, { details: { contested: true } })
})

void t.test('a contested address, fifty callers at once: one user, one mail', async (t) => {
  const email = freshEmail()
  const { token, id } = await givenRegistration(app, { email, password: MALLORYS })
  const alice = await givenRegistration(app, { email, password: ALICES })
  const answers = await atOnce(50, (n) => verify(app, { token: [token, alice.token][n % 2] }))
  t.strictSame(statuses(answers), { 200: 1, 400: 49 })
  t.equal((await usersWith(app, id, alice.id)).length, 1)
  await outboxEmpty(app)
  const sent = (await mailsTo(app, email, 3)).filter(({ subject }) => subject.startsWith('Set'))
  t.equal(sent.length, 1)
})

void t.test(
  'one password, registered twice for one address: is one person, and stands',
  async (t) => {
    const email = freshEmail()
    await givenRegistration(app, { email, name: 'Alice' })
    const { token, id } = await givenRegistration(app, { email, name: 'Alice L.' })
    const answer = await verify(app, { token })
    t.strictSame(Object.keys(answer.json()), ['message'])
    t.match(await userOf(app, id), { name: 'Alice L.' })
    t.equal((await login(app, email)).statusCode, 200)
  }
)

void t.test('one password, at two addresses: two hashes', async (t) => {
  const one = await givenRegistration(app)
  const other = await givenRegistration(app)
  const rows = await app.sql(
    'SELECT DISTINCT password_hash FROM registration WHERE id = ANY($1::uuid[])',
    [[one.id, other.id]]
  )
  t.equal(rows.length, 2)
})

void t.test('a rival that has expired, its mail renewed late: still contests', async (t) => {
  const clocked = await startApp(t)
  const email = freshEmail()
  t.equal((await register(clocked, { email, password: MALLORYS })).statusCode, 201)
  await clocked.moveTime(23 * 3_600)
  await clocked.post('/auth/resend-verification', { email })
  const [, renewed] = await mailsTo(clocked, email, 2)
  await clocked.moveTime(25 * 3_600)
  t.equal((await register(clocked, { email, password: ALICES })).statusCode, 201)
  const answer = await verify(clocked, { token: secretsOf(renewed!).token })
  t.equal(answer.json().password_reset_required, true, 'contested')
  await isAlicesOnly(t, clocked, email)
})

void t.test('a mailbox whose cap the stranger used up: still contested', async (t) => {
  const capped = await startApp(t, { MAIL_LIMIT_PER_MINUTE: '1' })
  const email = freshEmail()
  t.equal((await register(capped, { email, password: MALLORYS })).statusCode, 201)
  t.equal((await register(capped, { email, password: ALICES })).statusCode, 201)
  await outboxEmpty(capped)
  const [only, ...others] = await mailsTo(capped, email, 1)
  t.strictSame(others, [], 'her own mail was held back')
  const answer = await verify(capped, { token: secretsOf(only!).token })
  t.equal(answer.json().password_reset_required, true, 'contested')
  await isAlicesOnly(t, capped, email)
})

void t.test('a stranger’s registration alone: mail and page tell to do nothing', async (t) => {
  const { email, mail, token } = await givenRegistration(app, { password: MALLORYS })
  for (const body of [mail.text, mail.html]) {
    t.match(body, /chose a password/)
    t.match(body, /not you.*do nothing/i)
  }
  t.match((await app.get(`/verify-email?token=${token}`)).body, /If it was somebody else, close/)
  // She confirmed it all the same, and registers later: the notice leads to a password of her own.
  await verify(app, { token })
  await register(app, { email, password: ALICES })
  const notice = await mailTo(app, email, /already have/)
  t.match(notice.text, /never chose one\?[\s\S]*\/forgot-password\n/)
})
