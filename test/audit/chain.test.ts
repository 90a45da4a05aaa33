import t from 'tap'
import { setTimeout as delay } from 'node:timers/promises'
import {
  chainKeyOf,
  eventDigest,
  firstIdAt,
  GENESIS,
  sealHash,
  type SealHead
} from '../../src/audit/chain.ts'
import { openAudit } from '../../src/audit/room.ts'
import { EVENT_COLUMNS, type StoredEvent } from '../../src/audit/event-row.ts'
import { UnavailableError } from '../../src/errors.ts'
import { givenTrail, openTrail, ORIGIN, type TestTrail } from '../support/audit-trail.ts'
import { eventually } from '../support/eventually.ts'

/** A few batches, so that there is a before and an after. */
async function givenSealedTrail(t: Parameters<typeof givenTrail>[0]) {
  const trail = await givenTrail(t)
  for (let batch = 0; batch < 3; batch += 1) {
    await trail.write({}, { details: { b: 1, a: 'ü' } }, { clientId: 'latchkey' })
    await trail.sealNext()
  }
  const { faults, seals, events } = await trail.check()
  t.strictSame({ faults, seals, events }, { faults: [], seals: 3, events: 9 })
  return trail
}

const faultsOf = async (trail: TestTrail) => (await trail.check()).faults

void t.test('many writers, and two servers that seal at once: one whole chain', async (t) => {
  const here = await givenTrail(t)
  const there = await openTrail(t, here.env)
  let isWriting = true
  const sealing = [here, there].map(async (trail) => {
    let batches = 0
    while (isWriting) if ((await trail.sealNext()) !== null) batches += 1
    return batches
  })
  const userId = crypto.randomUUID()
  for (let wave = 0; wave < 8; wave += 1) {
    await Promise.all(
      Array.from({ length: 15 }, (_, index) =>
        (index % 2 === 0 ? here : there).write({}, index % 3 === 0 ? { userId } : {})
      )
    )
  }
  isWriting = false
  const batches = await Promise.all(sealing)
  await here.sealNext()
  t.ok(batches[0]! + batches[1]! > 1, `${batches.join(' and ')} batches`)
  const report = await there.check()
  t.match(report, { events: 240, waiting: 0, faults: [] })
  const [row] = await here.sql('SELECT count(*)::int AS n, max(number) AS last FROM audit_seal')
  t.strictSame(row, { n: report.seals, last: report.seals }, 'without a gap')
})

function notYet(error: unknown): null {
  if (error instanceof UnavailableError) return null
  throw error
}

void t.test('fifty servers that would seal at once: one does', async (t) => {
  const trail = await givenTrail(t)
  await trail.write({}, {})
  // On a busy machine the pool has no place for all of them in time: a server asks again ten seconds later.
  const seal = () => trail.sealNext().then((sealed) => ({ sealed }), notYet)
  const told = await Promise.all(
    Array.from({ length: 50 }, () => eventually('a place in the pool', seal))
  )
  t.equal(told.filter(({ sealed }) => sealed !== null).length, 1)
  t.match(await trail.check(), { seals: 1, events: 2, faults: [] })
})

void t.test('a commit that comes late: is sealed later, and nobody calls it forged', async (t) => {
  const trail = await givenTrail(t)
  let commit = (): void => undefined
  const isHeld = new Promise<void>((resolve) => (commit = resolve))
  const recorded = Promise.withResolvers<undefined>()
  const late = trail.platform.postgres.transaction(async (tx) => {
    await trail.record(tx, { type: 'login.succeeded', origin: ORIGIN })
    recorded.resolve(undefined)
    await isHeld
  })
  await recorded.promise
  await delay(5) // its id is older than those of the others
  await trail.write({}, {})
  t.match(await trail.sealNext(), { number: 1, count: 2 })
  t.equal(await trail.sealNext(), null, 'what is not committed is not waited for')
  commit()
  await late
  t.match(await trail.sealNext(), { number: 2, count: 1 })
  t.match(await trail.check(), { seals: 2, events: 3, waiting: 0, faults: [] })
  const [first] = await trail.sql('SELECT seal FROM audit_sealed_event ORDER BY event_id LIMIT 1')
  t.strictSame(first, { seal: 2 }, 'the oldest event is in the newest seal')
})

void t.test('more events than a batch holds: sealed in batches, none left', async (t) => {
  const trail = await givenTrail(t)
  await trail.write(...Array.from({ length: 2_100 }, () => ({})))
  t.match(await trail.sealNext(), { count: 1_000, isFull: true })
  t.match(await trail.sealNext(), { count: 1_000, isFull: true })
  t.match(await trail.sealNext(), { count: 100, isFull: false })
  t.equal(await trail.sealNext(), null)
  t.match(await trail.check(), { seals: 3, events: 2_100, waiting: 0, faults: [] })
})

void t.test('a removed row: is named', async (t) => {
  const trail = await givenSealedTrail(t)
  const victim = (await trail.ids())[4]!
  await trail.sql('DELETE FROM audit_event WHERE id = $1', [victim])
  t.strictSame(await faultsOf(trail), [{ kind: 'removed', subject: victim }])
  await trail.sql('DELETE FROM audit_sealed_event WHERE event_id = $1', [victim])
  t.strictSame(await faultsOf(trail), [{ kind: 'seal_altered', subject: '2' }], 'with its seal')
})

void t.test('a changed row, whichever column: is named', async (t) => {
  const trail = await givenSealedTrail(t)
  const changes = [
    `at = at - interval '1 ms'`,
    `type = 'login.succeeded'`,
    'user_id = gen_random_uuid()',
    'actor_id = gen_random_uuid()',
    'session_id = gen_random_uuid()',
    `client_id = 'another'`,
    'request_id = NULL',
    'address_sealed = NULL',
    `details = '{"b": 2}'`
  ]
  const [columns] = await trail.sql(
    `SELECT count(*)::int AS n FROM information_schema.columns WHERE table_name = 'audit_event'`
  )
  t.equal(columns?.['n'], changes.length + 1, 'every column but the id is changed here')
  const ids = await trail.ids()
  for (const [index, change] of changes.entries()) {
    await trail.sql('CREATE TABLE kept AS SELECT * FROM audit_event WHERE id = $1', [ids[index]])
    await trail.sql(`UPDATE audit_event SET ${change} WHERE id = $1`, [ids[index]])
    t.strictSame(await faultsOf(trail), [{ kind: 'altered', subject: ids[index] }], change)
    await trail.sql('DELETE FROM audit_event WHERE id IN (SELECT id FROM kept)')
    await trail.sql('INSERT INTO audit_event SELECT * FROM kept')
    await trail.sql('DROP TABLE kept')
  }
  t.strictSame(await faultsOf(trail), [], 'put back')
})

void t.test('a row put into the past: is never sealed, and named', async (t) => {
  const trail = await givenSealedTrail(t)
  const past = new Date(Date.now() - 3_600_000)
  const insert = `INSERT INTO audit_event (id, at, type) VALUES ($1, $2, 'login.succeeded')`
  const dated = `${firstIdAt(past).slice(0, 14)}7000-8000-000000000001`
  await trail.sql(insert, [dated, past])
  const now = new Date()
  const misdated = `${firstIdAt(now).slice(0, 14)}7000-8000-000000000002`
  await trail.sql(insert, [misdated, past])
  t.equal(await trail.sealNext(), null)
  const expected = [dated, misdated].map((subject) => ({ kind: 'inserted', subject }))
  t.strictSame(await faultsOf(trail), expected)

  const claim = `INSERT INTO audit_sealed_event (event_id, seal, digest) VALUES ($1, $2, '\\x00')`
  await trail.sql(claim, [dated, 99])
  await trail.sql(claim, [misdated, 0])
  t.strictSame(await faultsOf(trail), expected, 'no seal vouches for them')
  await trail.write({})
  t.match(await trail.sealNext(), { number: 4, count: 1 }, 'the others are sealed all the same')
})

void t.test('seals that were changed, removed or made without the key: are named', async (t) => {
  const trail = await givenSealedTrail(t)
  await trail.sql(`UPDATE audit_seal SET sealed_at = sealed_at + interval '1 ms' WHERE number = 2`)
  t.strictSame(await faultsOf(trail), [{ kind: 'seal_altered', subject: '2' }])
  await trail.sql(`UPDATE audit_seal SET sealed_at = sealed_at - interval '1 ms' WHERE number = 2`)
  t.strictSame(await faultsOf(trail), [])

  await trail.sql(`INSERT INTO audit_seal SELECT 4, sealed_at, complete_to, 0, key_id, hash, hash
                     FROM audit_seal WHERE number = 3`)
  t.strictSame(await faultsOf(trail), [{ kind: 'seal_altered', subject: '4' }])
  await trail.sql('DELETE FROM audit_seal WHERE number = 4')
  await trail.sql('DELETE FROM audit_seal WHERE number = 1')
  const gone = await faultsOf(trail)
  t.match(gone[0], { kind: 'seal_removed', subject: '1' })

  const tail = await givenSealedTrail(t)
  const whole = await tail.check()
  await tail.sql(
    'DELETE FROM audit_event WHERE id IN (SELECT event_id FROM audit_sealed_event WHERE seal = 3)'
  )
  await tail.sql('DELETE FROM audit_sealed_event WHERE seal = 3')
  await tail.sql('DELETE FROM audit_seal WHERE number = 3')
  const cut = await tail.check()
  t.strictSame(cut.faults, [], 'an end that was cut off leaves nothing to see in the database')
  t.not(cut.head, whole.head, 'but its head is in the log')
})

void t.test('a whole chain made anew without the key: every seal of it is named', async (t) => {
  const trail = await givenSealedTrail(t)
  await trail.sql(`UPDATE audit_event SET type = 'login.succeeded'`)
  let previousHash: Uint8Array = GENESIS
  for (const number of [1, 2, 3]) {
    const events = await trail.sql<StoredEvent>(
      `SELECT ${EVENT_COLUMNS} FROM audit_event e JOIN audit_sealed_event s ON s.event_id = e.id
        WHERE s.seal = $1 ORDER BY e.id`,
      [number]
    )
    const forged = events.map((event) => ({ eventId: event.id, digest: eventDigest(event) }))
    for (const { eventId, digest } of forged) {
      const update = 'UPDATE audit_sealed_event SET digest = $2 WHERE event_id = $1'
      await trail.sql(update, [eventId, digest])
    }
    const [head] = await trail.sql<SealHead>(
      `SELECT number, sealed_at AS "sealedAt", complete_to AS "completeTo" FROM audit_seal WHERE number = $1`,
      [number]
    )
    const hash = sealHash(chainKeyOf(Buffer.alloc(32, 1)), { ...head!, previousHash }, forged)
    const update = 'UPDATE audit_seal SET previous_hash = $2, hash = $3 WHERE number = $1'
    await trail.sql(update, [number, previousHash, hash])
    previousHash = hash
  }
  const expected = ['1', '2', '3'].map((subject) => ({ kind: 'seal_altered', subject }))
  t.strictSame(await faultsOf(trail), expected)
})

void t.test('each batch: a line in the log, with its number, count and head', async (t) => {
  const trail = await givenTrail(t)
  const lines: object[] = []
  const { record, sealAll, stop } = openAudit(
    trail.platform,
    (line) => lines.push(line),
    (error) => t.fail(String(error))
  )
  t.teardown(stop)
  await trail.platform.postgres.transaction((tx) =>
    record(
      tx,
      Array.from({ length: 1_200 }, () => ({ type: 'login.failed' as const, origin: ORIGIN }))
    )
  )
  await sealAll()
  await sealAll()
  const { head } = await trail.check()
  t.match(lines, [
    { seal: 1, events: 1_000, head: /^[0-9a-f]{64}$/ },
    { seal: 2, events: 200, head: head! }
  ])
  t.equal(lines.length, 2, 'nothing where nothing waits')
})

void t.test('a check of the newest part: leaves out what is older', async (t) => {
  const trail = await givenSealedTrail(t)
  await delay(20)
  const since = (await trail.check()).now
  await trail.write({}, {})
  await trail.sealNext()
  const ids = await trail.ids()
  await trail.sql('DELETE FROM audit_event WHERE id = $1', [ids[0]])
  t.match(await trail.check(since), { seals: 1, events: 2, faults: [] })
  await trail.sql('DELETE FROM audit_event WHERE id = $1', [ids.at(-1)])
  t.match(await trail.check(since), { faults: [{ kind: 'removed', subject: ids.at(-1) }] })
})

void t.test('the chain, by whoever forgets that it is append-only: is not changed', async (t) => {
  const trail = await givenSealedTrail(t)
  for (const table of ['audit_event', 'audit_seal', 'audit_sealed_event']) {
    for (const statement of [`DELETE FROM ${table}`, `TRUNCATE ${table}`]) {
      const run = trail.platform.postgres.read((db) => db.$executeRawUnsafe(statement))
      await t.rejects(run, /is append-only/, statement)
    }
  }
  t.strictSame(await faultsOf(trail), [])
})
