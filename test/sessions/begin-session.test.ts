import { randomBytes } from 'node:crypto'
import pg from 'pg'
import t from 'tap'
import { createAudit } from '../../src/audit/record.ts'
import { createAuditTrail } from '../../src/audit/trail.ts'
import { createMailCap } from '../../src/mail/mail-cap.ts'
import { createOutbox } from '../../src/mail/outbox.ts'
import { createSessionBeginner } from '../../src/sessions/begin-session.ts'
import { createSessionEnder } from '../../src/sessions/end-sessions.ts'
import { createNewDevices } from '../../src/sessions/new-device.ts'
import { createSessionStore } from '../../src/sessions/session-store.ts'
import { startApp } from '../support/app.ts'
import { givenUser } from '../support/builders.ts'
import { eventually } from '../support/eventually.ts'
import { openKeyRoom, OPERATOR } from '../support/key-room.ts'

const LIMIT = 3
const app = await startApp(t)
const { platform } = await openKeyRoom(t, app)
const { postgres, sealer, clock, dataKeys } = platform
const record = createAudit({ sealer, clock })
const { find: findEvents } = createAuditTrail({ reader: postgres, sealer })
const tellClients = () => Promise.resolve()
const endSessions = createSessionEnder({ clock, record, tellClients })
const { enqueueMail } = createOutbox({ sealer, clock })
const beginSession = createSessionBeginner({
  sealer,
  clock,
  record,
  newDevices: createNewDevices({
    sealer,
    takeMailSlot: createMailCap(dataKeys, []),
    enqueueMail,
    issuer: 'https://id.example'
  }),
  idleSeconds: 60,
  absoluteSeconds: 60,
  endSessions,
  sessionsPerUser: LIMIT
})
const killPendingChanges = () => Promise.resolve()
const store = createSessionStore({
  postgres,
  sealer,
  clock,
  endSessions,
  beginSession,
  killPendingChanges
})

function sessionOf(userId: string) {
  const what = { clientId: 'latchkey', scope: 'account', delivery: 'body' } as const
  return { ...what, amr: ['pwd'], userId, secret: randomBytes(32), device: null }
}

async function begin(userId: string, passwordHash: string) {
  return store.create(sessionOf(userId), await proofOf(userId, passwordHash), OPERATOR)
}

async function proofOf(userId: string, passwordHash: string) {
  return { passwordHash, isKnownDevice: true, sealedKey: (await keyOf(userId)) ?? null }
}

async function keyOf(userId: string): Promise<Buffer | undefined> {
  const text = 'SELECT sealed_key AS key FROM audit_key WHERE user_id = $1'
  return (await app.sql<{ key: Buffer }>(text, [userId]))[0]?.key
}

async function hashOf(userId: string): Promise<string> {
  const [row] = await app.sql<{ hash: string }>(
    'SELECT password_hash AS hash FROM users WHERE id = $1',
    [userId]
  )
  return row!.hash
}

async function sessionsOf(userId: string) {
  return app.sql<{ id: string; isLive: boolean }>(
    'SELECT id, revoked_at IS NULL AS "isLive" FROM session WHERE user_id = $1',
    [userId]
  )
}

void t.test('sessions of one person, begun at the same time: each sees the others', async (t) => {
  const { id } = await givenUser(app)
  const hash = await hashOf(id)
  const proof = await proofOf(id, hash)
  const begun = await Promise.all(
    Array.from({ length: 20 }, () => store.create(sessionOf(id), proof, OPERATOR))
  )
  const all = await sessionsOf(id)
  t.equal(all.length, 20)
  const live = all.filter(({ isLive }) => isLive).map((session) => session.id)
  t.equal(live.length, LIMIT)
  const ended = begun.flatMap((one) => one?.ended ?? []).map(({ subject }) => subject)
  t.strictSame(
    [...live, ...ended].sort(),
    all.map((session) => session.id).sort(),
    'each told once'
  )
})

const EVENTS = 'SELECT address_sealed AS sealed FROM audit_event WHERE session_id = $1'

void t.test('the first event of somebody: is sealed with a key that they keep', async (t) => {
  const { id } = await givenUser(app)
  await app.sql('DELETE FROM audit_key WHERE user_id = $1', [id])
  const first = await begin(id, await hashOf(id))
  const key = await keyOf(id)
  t.ok(key)
  t.equal((await app.sql(EVENTS, [first!.session.id])).length, 1)
  await begin(id, await hashOf(id))
  t.strictSame(await keyOf(id), key)
  const events = await findEvents({ userId: id, type: 'login.succeeded', limit: 10 })
  t.strictSame(
    events.map(({ address }) => address),
    [OPERATOR.address, OPERATOR.address]
  )
})

void t.test(
  'a key that somebody made since it was read: the event is sealed with that',
  async (t) => {
    const { id } = await givenUser(app)
    const hash = await hashOf(id)
    await begin(id, hash)
    const key = await keyOf(id)
    const proof = { passwordHash: hash, isKnownDevice: true, sealedKey: null }
    const begun = await store.create(sessionOf(id), proof, OPERATOR)
    t.strictSame(await keyOf(id), key)
    t.equal((await app.sql(EVENTS, [begun!.session.id])).length, 1, 'once')
    const events = await findEvents({ userId: id, type: 'login.succeeded', limit: 10 })
    t.equal(events[0]?.address, OPERATOR.address)
  }
)

void t.test(
  'the lane on which the password was shown: is cleared with the session, or not at all',
  async (t) => {
    const { id } = await givenUser(app)
    const hash = await hashOf(id)
    const [lane, other] = [randomBytes(32), randomBytes(32)]
    const given =
      'INSERT INTO guess_lane (key, failures, updated_at) VALUES ($1, 3, now()), ($2, 3, now())'
    await app.sql(given, [lane, other])
    const lanes = async () => (await app.sql('SELECT key FROM guess_lane')).length
    const proof = await proofOf(id, hash)
    const wrong = { ...proof, passwordHash: 'another' }
    t.equal(await store.create(sessionOf(id), wrong, OPERATOR, lane), null)
    t.equal(await lanes(), 2, 'no session')
    await begin(id, hash)
    t.equal(await lanes(), 2, 'a session of another kind of proof')
    await store.create(sessionOf(id), proof, OPERATOR, lane)
    t.strictSame(await app.sql('SELECT key FROM guess_lane'), [{ key: other }])
  }
)

void t.test('the lane on which the password was shown: is free until the commit', async (t) => {
  const { id } = await givenUser(app)
  const proof = { ...(await proofOf(id, await hashOf(id))), isKnownDevice: false }
  await store.create(sessionOf(id), proof, OPERATOR)
  const lane = randomBytes(32)
  await app.sql('INSERT INTO guess_lane (key, failures, updated_at) VALUES ($1, 1, now())', [lane])
  const holder = new pg.Client(app.databaseUrl)
  await holder.connect()
  t.teardown(() => holder.end())
  await holder.query('BEGIN')
  // The mail about a new device is counted after the session was written.
  await holder.query('LOCK TABLE attempt_counter IN EXCLUSIVE MODE')
  const phone = { ...sessionOf(id), device: 'a phone that nobody knows' }
  const creating = store.create(phone, proof, OPERATOR, lane)
  await eventually('the count of mails, waiting', async () => {
    const text = `SELECT FROM pg_locks WHERE relation = 'attempt_counter'::regclass AND NOT granted`
    return (await app.sql(text)).length > 0
  })
  const taken = 'SELECT key FROM guess_lane WHERE key = $1 FOR UPDATE SKIP LOCKED'
  t.strictSame((await holder.query(taken, [lane])).rows, [{ key: lane }])
  await holder.query('ROLLBACK')
  t.ok(await creating)
  t.strictSame(await app.sql('SELECT FROM guess_lane WHERE key = $1', [lane]), [])
})

const BARRED = {
  'the password was replaced': `password_hash = 'another'`,
  'the person was disabled': `status = 'disabled'`,
  'a reset is asked for': `must_reset = true`
}
for (const [what, change] of Object.entries(BARRED)) {
  void t.test(`${what} since it was checked: no session, no event, no key`, async (t) => {
    const { id } = await givenUser(app)
    const hash = await hashOf(id)
    await begin(id, hash)
    const proof = await proofOf(id, hash)
    await app.sql(`UPDATE users SET ${change} WHERE id = $1`, [id])
    await app.sql('DELETE FROM session WHERE user_id = $1', [id])
    const logins = async () =>
      (
        await app.sql(`SELECT FROM audit_event WHERE type = 'login.succeeded' AND user_id = $1`, [
          id
        ])
      ).length
    t.equal(await store.create(sessionOf(id), proof, OPERATOR), null)
    await app.sql('DELETE FROM audit_key WHERE user_id = $1', [id])
    t.equal(await store.create(sessionOf(id), { ...proof, sealedKey: null }, OPERATOR), null)
    t.strictSame(await sessionsOf(id), [])
    t.equal(await logins(), 1)
    t.equal(await keyOf(id), undefined)
  })
}
