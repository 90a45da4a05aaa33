import t from 'tap'
import { startApp } from '../support/app.ts'
import { claimsOf, freshEmail, givenSession, PASSWORD } from '../support/builders.ts'
import { openTrail, ORIGIN } from '../support/audit-trail.ts'
import { scriptBeside } from '../support/script.ts'

const app = await startApp(t)
const trail = await openTrail(t, app.env)

async function givenAdmin() {
  const email = freshEmail()
  const users = scriptBeside(app, 'users')
  const made = await users(['create', email, '--admin', '--password-stdin'], PASSWORD)
  if (made.status !== 0) throw new Error(made.stderr)
  const session = await givenSession(app, { id: '', email, password: PASSWORD })
  return { ...session, id: claimsOf(session.accessToken)['sub'] as string }
}

const admin = await givenAdmin()

type WireEvent = { type: string; address: string | null; actor_id: string | null }

/** By type: two of one moment have no order. */
async function eventsOf(userId: string): Promise<WireEvent[]> {
  const answer = await app.get(`/admin/audit-logs?user_id=${userId}`, admin.accessToken)
  const events: WireEvent[] = answer.json().events
  return events.toSorted((a, b) => a.type.localeCompare(b.type))
}

async function call(
  method: 'POST' | 'DELETE' | 'GET',
  url: string,
  token: string,
  body?: { password: string }
) {
  const headers = { authorization: `Bearer ${token}` }
  return app.app.inject({ method, url, headers, ...(body !== undefined && { body }) })
}

async function keyOf(userId: string) {
  const [row] = await trail.sql('SELECT sealed_key FROM audit_key WHERE user_id = $1', [userId])
  return row
}

void t.test(
  'a person, erased: their events stay without an address, and the chain is whole',
  async (t) => {
    const { user, accessToken } = await givenSession(app)
    t.ok((await eventsOf(user.id)).every(({ address }) => address === '127.0.0.1'))
    while ((await trail.sealNext()) !== null);
    const kept = await trail.sql('SELECT * FROM audit_event WHERE user_id = $1 ORDER BY id', [
      user.id
    ])

    const body = { password: PASSWORD }
    const erased = await call('DELETE', '/users/delete-account', accessToken, body)
    t.equal(erased.statusCode, 200)
    t.strictSame(await keyOf(user.id), { sealed_key: null })
    const events = await eventsOf(user.id)
    t.match(
      events.map(({ type }) => type),
      ['account.erased', /registered/, /verified/, 'login.succeeded', 'session.ended']
    )
    t.ok(
      events.every(({ address }) => address === null),
      'no address'
    )
    const csv = await app.get(`/admin/audit-logs?format=csv&user_id=${user.id}`, admin.accessToken)
    t.notMatch(csv.body, '127.0.0.1')
    const ids = kept.map(({ id }) => id as string)
    const after = await trail.sql(
      'SELECT * FROM audit_event WHERE id = ANY ($1::uuid[]) ORDER BY id',
      [ids]
    )
    t.strictSame(after, kept, 'the rows are as they were')
    t.strictSame((await trail.check()).faults, [])
  }
)

void t.test('events from before there were keys of people: shown until erased', async (t) => {
  const { user, accessToken } = await givenSession(app)
  const { sealer } = trail.platform
  const [row] = await trail.sql<{ id: string }>(
    `SELECT id FROM audit_event WHERE user_id = $1 AND type = 'login.succeeded'`,
    [user.id]
  )
  const place = { table: 'audit_event', column: 'address_sealed', row: row!.id }
  const general = sealer.sealBytes('audit', Buffer.from('198.51.100.4'), place)
  await trail.sql('UPDATE audit_event SET address_sealed = $2 WHERE id = $1', [row!.id, general])
  await trail.sql('DELETE FROM audit_key WHERE user_id = $1', [user.id])
  const login = (await eventsOf(user.id)).find(({ type }) => type === 'login.succeeded')
  t.match(login, { address: '198.51.100.4' })
  await call('DELETE', '/users/delete-account', accessToken, { password: PASSWORD })
  t.ok((await eventsOf(user.id)).every(({ address }) => address === null))
})

void t.test('fifty events while their person is erased: none brings the key back', async (t) => {
  for (const hasKey of [true, false]) {
    const { user } = await givenSession(app)
    if (!hasKey) await trail.sql('DELETE FROM audit_key WHERE user_id = $1', [user.id])
    const erasing = app.sql('DELETE FROM users WHERE id = $1', [user.id])
    const writing = Array.from({ length: 50 }, () =>
      trail.write({ userId: user.id, type: 'account.locked' })
    )
    await Promise.all([erasing, ...writing])
    await trail.write({ userId: user.id, type: 'account.locked' })
    t.strictSame(await keyOf(user.id), { sealed_key: null }, hasKey ? 'with a key' : 'without')
    const events = await trail.find({ userId: user.id, type: 'account.locked', limit: 100 })
    t.equal(events.length, 51)
    t.ok(events.every(({ address }) => address === null))
  }
})

void t.test('fifty first events of somebody at once: one key, and all are read', async (t) => {
  const userId = crypto.randomUUID()
  await Promise.all(Array.from({ length: 50 }, () => trail.write({ userId })))
  const events = await trail.find({ userId, limit: 100 })
  t.equal(events.length, 50)
  t.ok(events.every(({ address }) => address === ORIGIN.address))
})

void t.test(
  'what an administrator does to a person: names both, and the address is the administrator’s',
  async (t) => {
    const { user, accessToken } = await givenSession(app)
    await call('POST', `/admin/users/${user.id}/unlock`, admin.accessToken)
    const exported = (await call('GET', '/users/export', accessToken)).json()
    const told = exported.events.find(({ type }: WireEvent) => type === 'account.unlocked')
    t.match(told, { actorId: admin.id, address: null }, 'the person is not told from where')
    await call('DELETE', `/admin/users/${user.id}`, admin.accessToken)
    const events = await eventsOf(user.id)
    t.match(events, [
      { type: 'account.erased', actor_id: admin.id, address: '127.0.0.1' },
      { type: 'account.registered', actor_id: null, address: null },
      { type: 'account.unlocked', actor_id: admin.id, address: '127.0.0.1' },
      { type: 'account.verified', actor_id: null, address: null },
      { type: 'login.succeeded', actor_id: null, address: null },
      { type: 'session.ended', actor_id: admin.id, address: '127.0.0.1' }
    ])
  }
)

void t.test('an event that names nobody: keeps its address', async (t) => {
  await app.post('/auth/login', { email: freshEmail(), password: PASSWORD })
  const answer = await app.get('/admin/audit-logs?type=login.failed&limit=1', admin.accessToken)
  t.match(answer.json().events, [{ user_id: null, address: '127.0.0.1' }])
})
