import { createLocalJWKSet, jwtVerify } from 'jose'
import t, { type Test } from 'tap'
import { phaseOf, ringState } from '../../src/signing/ring-plan.ts'
import { startApp } from '../support/app.ts'
import { givenSession, givenUser } from '../support/builders.ts'
import { eventually } from '../support/eventually.ts'
import { headerOf } from '../support/jws.ts'
import { openKeyRoom, OPERATOR } from '../support/key-room.ts'
import { openDatabase } from '../support/raw-database.ts'

const DAY = 86_400

/** A ring of one key and its reserve, as it is seconds after the first start. The server is still there. */
async function givenServer(t: Test) {
  const app = await startApp(t)
  const room = await openKeyRoom(t, app)
  const { sql, moveTime } = await openDatabase(t, app.databaseUrl)

  async function ring() {
    await room.platform.clock.sync()
    const rows = await room.store.findAll()
    return { rows, ...ringState(rows, room.platform.clock.now()) }
  }

  /** What the trail tells of rotations. */
  async function events() {
    const text = `SELECT details FROM audit_event WHERE type = 'signing_key.rotated' ORDER BY at`
    return (await sql<{ details: Record<string, string> }>(text)).map(({ details }) => details)
  }

  return { app, room, sql, moveTime, ring, events }
}

/** The same without a server, which would do by itself what the test looks at. */
async function given(t: Test) {
  const { app, ...rest } = await givenServer(t)
  await app.close()
  return { ...rest, env: app.env }
}

void t.test('a year by itself: a rotation every 90 days, one active, one in reserve', async (t) => {
  const { room, moveTime, ring, events } = await given(t)
  const kids = [(await ring()).active!.kid]
  for (const day of [90, 180, 270, 360]) {
    const { active, reserve } = await ring()
    await moveTime(day * DAY - 60)
    t.same(await room.advance(), [], 'a minute early: nothing')
    await moveTime(day * DAY + 60)
    t.match(await room.advance(), [{ kind: 'rotated', kid: reserve!.kid, previous: active!.kid }])
    t.same(await room.advance(), [], 'and it is done once')
    const after = await ring()
    t.equal(after.active!.kid, reserve!.kid)
    t.not(after.reserve!.kid, reserve!.kid, 'a new one stands in reserve')
    const before = after.rows.find((row) => row.kid === active!.kid)!
    t.equal(before.goneAt!.getTime() - before.retiringAt!.getTime(), 960_000)
    kids.push(after.active!.kid)
  }
  t.equal(new Set(kids).size, 5)
  t.same(
    (await events()).map(({ previous, kid, reason }) => [previous, kid, reason]),
    kids.slice(1).map((kid, at) => [kids[at], kid, 'due']),
    'an event for each'
  )
})

void t.test('a rotation is due and ten see it at once: one is done', async (t) => {
  const { room, moveTime, ring, events } = await given(t)
  await moveTime(91 * DAY)
  const { reserve } = await ring()
  const keys = await Promise.all(Array.from({ length: 10 }, () => room.newKey()))
  const outcomes = await Promise.all(
    keys.map((key) => room.store.advance(key, room.rotation.rules))
  )
  t.equal(outcomes.filter(({ kind }) => kind === 'rotated').length, 1)
  t.equal((await events()).length, 1)
  const { rows, active } = await ring()
  t.equal(active!.kid, reserve!.kid)
  t.equal(rows.length, 3, 'one that signed, one that signs, one in reserve')
})

void t.test('servers that were all away when it was due: the first one back does it', async (t) => {
  const { env, moveTime, ring } = await given(t)
  const { reserve } = await ring()
  await moveTime(200 * DAY)
  await startApp(t, env)
  const { active, now } = await eventually(
    'a rotation',
    async () => {
      const state = await ring()
      const isDone = state.active?.kid === reserve!.kid && state.reserve !== null
      return isDone && { ...state, now: Date.now() + 200 * DAY * 1_000 }
    },
    30_000
  )
  const agoMs = now - active!.activeAt.getTime()
  t.ok(agoMs < DAY * 1_000, 'from then on, not from the day that was missed')
})

void t.test('a rotation that fails halfway: nothing has happened, the next one does', async (t) => {
  const { room, sql, ring } = await given(t)
  const before = await ring()
  const timeline = { announceSeconds: 0, retireSeconds: 960 }
  const rules = { periodSeconds: 0, timeline }
  await sql('ALTER TABLE audit_event RENAME TO audit_away')
  await t.rejects(room.store.advance(await room.newKey(), rules), 'its event cannot be written')
  t.same(await ring(), before, 'as it was')
  await sql('ALTER TABLE audit_away RENAME TO audit_event')
  t.match(await room.store.advance(await room.newKey(), rules), { kind: 'rotated' })
  t.equal((await ring()).active!.kid, before.reserve!.kid)
})

void t.test('asked for, with a reserve that everybody knows: it signs at once', async (t) => {
  const { app, room, moveTime, ring, events } = await givenServer(t)
  const user = await givenUser(app)
  const before = await ring()
  await moveTime(961)
  await room.platform.clock.sync()
  t.match(await room.rotation.rotate(['RS256'], OPERATOR), [
    { kind: 'rotated', kid: before.reserve!.kid, previous: before.active!.kid }
  ])
  const token = await eventually('a login signed by the reserve', async () => {
    const { accessToken } = await givenSession(app, user)
    return headerOf(accessToken)['kid'] === before.reserve!.kid && accessToken
  })
  const keys = createLocalJWKSet((await app.get('/.well-known/jwks.json')).json())
  t.ok(await jwtVerify(token, keys, { typ: 'at+jwt', currentDate: app.app.clock.now() }))
  t.match(await events(), [{ reason: 'asked', kid: before.reserve!.kid }])
})

void t.test(
  'asked for, with a young reserve: it signs when it is known; twice is once',
  async (t) => {
    const { room, ring, events } = await given(t)
    const before = await ring()
    const [first] = await room.rotation.rotate(['RS256'], OPERATOR)
    t.match(first, { kind: 'rotated', kid: before.reserve!.kid })
    t.equal(first!.activeAt.getTime(), before.reserve!.announcedAt.getTime() + 960_000)
    t.match(await room.rotation.rotate(['RS256'], OPERATOR), [
      { kind: 'under_way', kid: before.reserve!.kid, activeAt: first!.activeAt }
    ])
    const after = await ring()
    t.equal(after.active!.kid, before.active!.kid, 'until then as before')
    t.equal(after.scheduled!.kid, before.reserve!.kid)
    t.ok(after.reserve, 'and a new one stands in reserve')
    t.equal((await events()).length, 1)
  }
)

void t.test('asked for, without a reserve: announced now, signing later', async (t) => {
  const { room, sql, ring } = await given(t)
  await sql(`DELETE FROM signing_key WHERE active_at > '9999-01-01'`)
  const [outcome] = await room.rotation.rotate(['RS256'], OPERATOR)
  const { scheduled, reserve } = await ring()
  t.equal(scheduled!.kid, outcome!.kid)
  t.equal(scheduled!.activeAt.getTime() - scheduled!.announcedAt.getTime(), 960_000)
  t.ok(reserve)
})

void t.test('a ring that nothing signs in: one key at once, then a reserve', async (t) => {
  const { room, sql, ring, events } = await given(t)
  await sql('UPDATE signing_key SET retiring_at = now(), gone_at = now()')
  t.match(await room.advance(), [{ kind: 'rotated', previous: null }])
  t.match(await room.advance(), [{ kind: 'reserved' }])
  const { rows, active, reserve } = await ring()
  t.ok(active)
  t.ok(reserve)
  t.equal(rows.filter((row) => phaseOf(row, new Date()) === 'gone').length, 2)
  t.match(await events(), [{ reason: 'nothing_signed' }])
})

void t.test(
  'the age that an alert asks for: that of the key that signs, no reserve’s',
  async (t) => {
    const { app, room, moveTime } = await givenServer(t)
    const ages = async () =>
      [
        ...(await app.get('/metrics')).body.matchAll(
          /^latchkey_signing_key_age_seconds\{.*phase="(\w+)".*\} (.+)$/gm
        )
      ].map(([, phase = '', age = '']) => [phase, Math.round(Number(age) / DAY)])
    t.strictSame(await ages(), [['active', 0]])
    await moveTime(89 * DAY)
    await eventually('the clock', async () => (await ages())[0]?.[1] === 89)
    t.strictSame(await ages(), [['active', 89]])
    await moveTime(91 * DAY)
    await room.advance()
    await eventually('a rotation', async () => (await ages()).length === 2)
    const after = [
      ['retiring', 91],
      ['active', 0]
    ]
    t.strictSame(await ages(), after, 'though it had stood in reserve for 91 days')
  }
)
