import t from 'tap'
import { startApp } from '../support/app.ts'
import { givenUser, mailTo, type TestUser } from '../support/builders.ts'

const app = await startApp(t)
const HOME = '203.0.113.7'
const ABROAD = '198.51.100.9'
const NEW_PASSWORD = 'granite-otter-77-meadow'

type From = { device?: string; cookie?: string; password?: string }

async function login(user: TestUser, remoteAddress: string, from: From = {}) {
  const { device = 'Firefox on Linux', cookie, password = user.password } = from
  const answer = await app.app.inject({
    method: 'POST',
    url: '/auth/login',
    headers: { 'sec-fetch-site': 'same-origin', ...(cookie !== undefined && { cookie }) },
    remoteAddress,
    body: { email: user.email, password, device }
  })
  if (answer.statusCode !== 200) throw new Error(answer.body)
  const value = answer.cookies.find(({ name }) => name === 'latchkey-device')?.value
  const { access_token: accessToken } = answer.json()
  return { cookie: `latchkey-device=${value}`, accessToken: accessToken as string }
}

/** How often the owner was told of a login. */
async function told({ id }: TestUser): Promise<number> {
  const [row] = await app.sql<{ n: number }>(
    `SELECT count(*)::int AS n FROM outbox_message WHERE topic = 'new-device' AND user_id = $1`,
    [id]
  )
  return row!.n
}

void t.test('the name of the owner’s browser, from another network: they are told', async (t) => {
  const user = await givenUser(app)
  await login(user, HOME)
  t.equal(await told(user), 0, 'nobody is told of the first login')
  await login(user, ABROAD)
  t.equal(await told(user), 1)
  const { text, html } = await mailTo(app, user.email, /New login/)
  t.match(text, /^ {4}Network: 198\.51\.100\.x$/m)
  t.match(html, '198.51.100.x')
  t.notMatch(text + html, ABROAD, 'as coarse as in the list of sessions')
  await login(user, ABROAD)
  t.equal(await told(user), 1, 'once')
})

void t.test('the same network, and a browser with a cookie anywhere: nobody is told', async (t) => {
  const user = await givenUser(app)
  const { cookie } = await login(user, HOME)
  await login(user, '203.0.113.250')
  await login(user, '::ffff:203.0.113.9')
  await login(user, ABROAD, { cookie })
  await login(user, '192.0.2.1', { cookie, device: 'Firefox on Windows' })
  t.equal(await told(user), 0)
})

void t.test('IPv6, however it is written: its /48 is the network', async (t) => {
  const user = await givenUser(app)
  for (const address of ['2001:db8::1', '2001:db8:0:7::1', '2001:0DB8:0:0:1:2:3:4']) {
    await login(user, address)
  }
  t.equal(await told(user), 0)
  await login(user, '2001:db8:1::1')
  t.equal(await told(user), 1)
})

void t.test('a name from one login and a network from another: both are known', async (t) => {
  const user = await givenUser(app)
  await login(user, HOME)
  await login(user, ABROAD, { device: 'Safari on a phone' })
  t.equal(await told(user), 1)
  await login(user, HOME, { device: 'Safari on a phone' })
  t.equal(await told(user), 1)
})

void t.test('a network of somebody else, or of a client’s grant: vouches for nobody', async (t) => {
  const user = await givenUser(app)
  await login(user, HOME)
  await login(await givenUser(app), ABROAD)
  await login(user, ABROAD)
  t.equal(await told(user), 1)
  await app.sql(
    `UPDATE session SET parent_id = gen_random_uuid() WHERE id = (SELECT max(id::text)::uuid FROM session WHERE user_id = $1)`,
    [user.id]
  )
  await login(user, ABROAD)
  t.equal(await told(user), 2)
})

void t.test('a session that was logged out: its network is known still', async (t) => {
  const user = await givenUser(app)
  await login(user, HOME)
  const { accessToken } = await login(user, ABROAD)
  await app.post('/auth/logout', { scope: 'all' }, { authorization: `Bearer ${accessToken}` })
  await login(user, ABROAD)
  t.equal(await told(user), 1)
})

void t.test('a network whose sessions a new password ended: is new again', async (t) => {
  const user = await givenUser(app)
  await login(user, ABROAD)
  const { accessToken } = await login(user, HOME)
  const before = await told(user)
  const change = { current_password: user.password, new_password: NEW_PASSWORD }
  const headers = { authorization: `Bearer ${accessToken}` }
  t.equal((await app.post('/users/change-password', change, headers)).statusCode, 200)
  await login(user, HOME, { password: NEW_PASSWORD })
  t.equal(await told(user), before, 'the session that asked for it vouches')
  await login(user, ABROAD, { password: NEW_PASSWORD })
  t.equal(await told(user), before + 1)
})

void t.test('an address that cannot be opened: keeps nobody out, and vouches not', async (t) => {
  const user = await givenUser(app)
  await login(user, HOME)
  const other = 'SELECT address_sealed FROM session WHERE user_id <> $1 LIMIT 1'
  await app.sql(`UPDATE session SET address_sealed = (${other}) WHERE user_id = $1`, [user.id])
  await login(user, HOME)
  t.equal(await told(user), 1)
})
