import t from 'tap'
import { startApp } from '../support/app.ts'
import { freshEmail, givenUser, PASSWORD } from '../support/builders.ts'
import {
  atOnce,
  givenRegistration,
  register,
  statuses,
  usersWith,
  verify
} from '../support/registrations.ts'

const app = await startApp(t)
const DAY_SECONDS = 24 * 3_600

async function holderOf(username: string) {
  const [row] = await app.sql<{ holder: string; isKept: boolean }>(
    'SELECT holder_id AS holder, expires_at IS NULL AS "isKept" FROM username WHERE username = $1',
    [username]
  )
  return row
}

void t.test('a username, registered: taken for others, free for the same address', async (t) => {
  const email = freshEmail()
  const first = await givenRegistration(app, { email, username: 'reserved' })
  const refused = await register(app, { username: 'reserved' })
  t.equal(refused.statusCode, 409)
  t.equal(refused.json().code, 'username_taken')
  t.strictSame(await holderOf('reserved'), { holder: first.id, isKept: false })
  const again = await givenRegistration(app, { email, username: 'reserved' })
  t.strictSame(await holderOf('reserved'), { holder: again.id, isKept: false })
  t.equal((await verify(app, { token: first.token })).statusCode, 200, 'either link keeps it')
  t.strictSame(await holderOf('reserved'), { holder: first.id, isKept: true })
  const login = await app.post('/auth/login', { username: 'reserved', password: PASSWORD })
  t.equal(login.json().user.id, first.id)
})

void t.test('a refused username: leaves no registration and no mail', async (t) => {
  await givenRegistration(app, { username: 'wanted' })
  const counts = `SELECT (SELECT count(*)::int FROM registration) AS registrations,
                         (SELECT count(*)::int FROM outbox_message) AS mails`
  const before = await app.sql(counts)
  t.equal((await register(app, { username: 'wanted' })).statusCode, 409)
  t.strictSame(await app.sql(counts), before)
})

void t.test('a username of a registration that expired: free again', async (t) => {
  await givenRegistration(app, { username: 'passing' })
  await app.moveTime(DAY_SECONDS - 60)
  t.equal((await register(app, { username: 'passing' })).statusCode, 409, 'not before')
  await app.moveTime(DAY_SECONDS + 1)
  const next = await register(app, { username: 'passing' })
  t.equal(next.statusCode, 201)
  t.strictSame(await holderOf('passing'), { holder: next.json().user.id, isKept: false })
  await app.moveTime(0)
})

void t.test('a username that was verified: is its owner’s for good', async (t) => {
  const { token, id } = await givenRegistration(app, { username: 'for-good' })
  await verify(app, { token })
  await app.moveTime(400 * DAY_SECONDS)
  t.equal((await register(app, { username: 'for-good' })).statusCode, 409)
  t.strictSame(await holderOf('for-good'), { holder: id, isKept: true })
  await app.moveTime(0)
})

void t.test(
  'a username whose reservation was lost, verified: a user without one, no 5xx',
  async (t) => {
    const { token, id } = await givenRegistration(app, { username: 'lost' })
    await app.moveTime(DAY_SECONDS + 1)
    const next = await register(app, { username: 'lost' })
    await app.moveTime(0)
    t.equal((await verify(app, { token })).statusCode, 200)
    t.strictSame(await app.sql('SELECT username FROM users WHERE id = $1', [id]), [
      { username: null }
    ])
    t.strictSame(await holderOf('lost'), { holder: next.json().user.id, isKept: false })
  }
)

void t.test('one username, fifty registrations at once: one gets it', async (t) => {
  const answers = await atOnce(50, () => register(app, { username: 'contested' }))
  t.strictSame(statuses(answers), { 201: 1, 409: 49 })
  const winner = answers.find(({ statusCode }) => statusCode === 201)?.json().user.id
  t.strictSame(await holderOf('contested'), { holder: winner, isKept: false })
})

void t.test('a decoy’s username: reserved like anybody’s (P3)', async (t) => {
  const { email } = await givenUser(app)
  const decoy = await register(app, { email, username: 'decoy-name' })
  t.equal(decoy.statusCode, 201)
  t.equal((await register(app, { username: 'decoy-name' })).statusCode, 409)
  t.equal((await register(app, { email, username: 'decoy-name' })).statusCode, 201)
})

void t.test(
  'a stranger’s username, after the owner verified: as before they did (P3)',
  async (t) => {
    const email = freshEmail()
    await register(app, { email, username: 'probe' })
    const { token, id } = await givenRegistration(app, { email, username: 'chosen' })
    await verify(app, { token })
    t.equal((await register(app, { username: 'probe' })).statusCode, 409, 'taken for others')
    const again = await register(app, { email, username: 'probe' })
    t.equal(again.statusCode, 201, 'free for the address that reserved it')
    t.strictSame(await holderOf('probe'), { holder: again.json().user.id, isKept: false })
    t.strictSame(await holderOf('chosen'), { holder: id, isKept: true })
    t.strictSame(await usersWith(app, again.json().user.id as string), [])
  }
)

void t.test('usernames, by rule: 3 to 64 of a-z 0-9 . _ -', async (t) => {
  const good = ['abc', 'a.b_c-d', '007', 'x'.repeat(64)]
  const bad = ['ab', 'x'.repeat(65), 'Ada', 'a b', 'a@b.c', 'аda', 'ada\n', 'ada\u200b', 'ａda', '']
  for (const username of good) {
    t.equal((await register(app, { username })).statusCode, 201, username)
  }
  for (const username of bad) {
    const answer = await register(app, { username })
    t.equal(answer.statusCode, 422, JSON.stringify(username))
    t.match(answer.json(), { code: 'validation_failed', errors: [{ field: 'username' }] })
  }
})
