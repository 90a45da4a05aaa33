import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { firstIdAt } from '../../src/audit/chain.ts'
import { createPartitionStore } from '../../src/audit/partition-store.ts'
import { givenTrail, type TestTrail } from '../support/audit-trail.ts'
import { startApp } from '../support/app.ts'
import { givenSession } from '../support/builders.ts'

const DAY_MS = 86_400_000

void t.test(
  'events on both sides of a month: each in its partition, one trail, one chain',
  async (t) => {
    const trail = await givenTrail(t)
    const clock = trail.platform.clock
    const [, , month] = await partitionsOf(trail)
    const midnight = timeOf(month!.first)
    await moveTo(trail, new Date(midnight.getTime() - 2_000))
    await trail.write({}, {})
    await trail.sealNext()
    await moveTo(trail, new Date(midnight.getTime() + 2_000))
    t.ok(clock.now() > midnight, 'the time has moved')
    await trail.write({}, {}, {})
    await trail.sealNext()

    const rows = await trail.sql<{ partition: string; count: number }>(
      'SELECT tableoid::regclass::text AS partition, count(*)::int FROM audit_event GROUP BY 1 ORDER BY 1'
    )
    const [, before, after] = await partitionsOf(trail)
    t.strictSame(rows, [
      { partition: before!.name, count: 2 },
      { partition: after!.name, count: 3 }
    ])
    t.match(await trail.check(), { seals: 2, events: 5, waiting: 0, faults: [] })
    const ids = (await trail.ids()).toReversed()
    const first = await trail.find({ limit: 2 })
    const second = await trail.find({ limit: 10, before: first.at(-1)!.id })
    t.strictSame(
      [...first, ...second].map(({ id }) => id),
      ids,
      'pages go on across the boundary'
    )

    await trail.sql(`DELETE FROM ${before!.name} WHERE id = $1`, [ids.at(-1)])
    t.strictSame((await trail.check()).faults, [{ kind: 'removed', subject: ids.at(-1) }])
  }
)

void t.test('an event, whatever its id: is written, and found again by it', async (t) => {
  const trail = await givenTrail(t)
  const ids = [
    '00000000-0000-7000-8000-000000000000',
    firstIdAt(new Date('2020-01-01')),
    firstIdAt(new Date()),
    'ffffffff-ffff-ffff-ffff-ffffffffffff'
  ]
  for (const id of ids) {
    await trail.platform.postgres.read(
      (db) =>
        db.$executeRaw`INSERT INTO audit_event (id, at, type) VALUES (${id}::uuid, now(), 'login.failed')`
    )
  }
  t.strictSame(await trail.ids(), ids)
  const strays = await trail.sql('SELECT id FROM audit_event_default')
  t.equal(strays.length, 3)
})

void t.test(
  'a partition, written to past the parent: is append-only and tells webhooks',
  async (t) => {
    const trail = await givenTrail(t)
    await trail.sql(`INSERT INTO webhook_endpoint (id, url_sealed, events, enabled, secret_sealed, created_at, updated_at)
                   VALUES (gen_random_uuid(), '', '{*}', TRUE, '', now(), now())`)
    const partitions = await partitionsOf(trail)
    const tables = ['audit_event', 'audit_event_default', ...partitions.map(({ name }) => name)]
    const run = (statement: string) =>
      trail.platform.postgres.read((db) => db.$executeRawUnsafe(statement))
    for (const table of tables) {
      for (const statement of [
        `DELETE FROM ${table}`,
        `TRUNCATE ${table}`,
        `UPDATE ${table} SET type = 'x'`
      ]) {
        await t.rejects(run(statement), /is append-only/, statement)
      }
    }
    const now = firstIdAt(new Date())
    for (const [table, id] of [
      [partitions[0]!.name, now.replace(/0$/, '1')],
      ['audit_event', now.replace(/0$/, '2')],
      ['audit_event_default', firstIdAt(new Date('2020-01-01'))]
    ] as const) {
      await run(`INSERT INTO ${table} (id, at, type) VALUES ('${id}', now(), 'login.failed')`)
      const deliveries = await trail.sql('SELECT FROM webhook_delivery WHERE event_id = $1', [id])
      t.equal(deliveries.length, 1, `${table}: once`)
    }
  }
)

void t.test(
  'time that goes on: partitions are made ahead, by one server of many, once',
  async (t) => {
    const trail = await givenTrail(t)
    const { makeAhead } = createPartitionStore(trail.platform.postgres)
    t.strictSame(await makeAhead(), [], 'the migration made the first')
    await moveTo(trail, new Date(Date.now() + 65 * DAY_MS))
    const made = (await Promise.all([1, 2, 3, 4, 5].map(makeAhead))).flat()
    const names = (await partitionsOf(trail)).map(({ name }) => name)
    t.equal(new Set(made).size, made.length)
    t.ok(made.length >= 2)
    t.strictSame(names.slice(3), made.sort())
    await trail.write({})
    t.strictSame(await trail.sql('SELECT id FROM audit_event_default'), [])

    await moveTo(trail, new Date(Date.now() + 400 * DAY_MS))
    await trail.write({})
    const strays = await trail.sql<{ id: string }>('SELECT id FROM audit_event_default')
    t.equal(strays.length, 1, 'nobody made this month: the default partition takes it')
    t.equal((await makeAhead()).length, 2, 'it stays there; the months after it get theirs')
    t.strictSame(await trail.sql('SELECT id FROM audit_event_default'), strays)
    await trail.sealNext()
    t.match(await trail.check(), { events: 2, faults: [] })
  }
)

void t.test('a month that was detached: its events are named, until it is back', async (t) => {
  const trail = await givenTrail(t)
  await trail.write({}, {})
  await trail.sealNext()
  const ids = await trail.ids()
  const [month] = await partitionsOf(trail)
  await trail.sql(`ALTER TABLE audit_event DETACH PARTITION ${month!.name}`)
  await delay(5)
  const removed = ids.map((subject) => ({ kind: 'removed', subject }))
  t.strictSame((await trail.check()).faults, removed)
  t.strictSame((await trail.check(new Date())).faults, [], 'a check of what came later is whole')
  const { first, end } = month!
  await trail.sql(
    `ALTER TABLE audit_event ATTACH PARTITION ${month!.name} FOR VALUES FROM ('${first}') TO ('${end}')`
  )
  t.match(await trail.check(), { events: 2, faults: [] })
})

void t.test(
  'the questions of administrators, on a trail of many months: no table is read whole',
  async (t) => {
    const app = await startApp(t)
    const { user } = await givenSession(app)
    await app.sql(
      'SELECT make_audit_partition(now() - make_interval(months => n)) FROM generate_series(1, 6) AS n'
    )
    await app.sql('ALTER TABLE audit_event DISABLE TRIGGER ALL')
    await app.sql(`
    INSERT INTO audit_event (id, at, type, user_id)
    SELECT overlay(gen_random_uuid()::text PLACING left(audit_first_id(at)::text, 13) FROM 1)::uuid, at,
           CASE WHEN n <= 500 THEN 'account.imported' ELSE 'login.failed' END, gen_random_uuid()
      FROM (SELECT n, now() - make_interval(secs => (12000 - n) * 1200) AS at FROM generate_series(1, 12000) AS n) AS row`)
    await app.sql('ANALYZE audit_event')
    const page = 'ORDER BY id DESC LIMIT 50'
    for (const [question, where] of [
      ['the newest', 'TRUE'],
      ['a person', `user_id = '${user.id}'`],
      ['a type of long ago', `type = 'account.imported'`],
      ['both', `type = 'login.succeeded' AND user_id = '${user.id}'`]
    ] as const) {
      const plan = await planOf(`SELECT * FROM audit_event WHERE ${where} ${page}`)
      t.notMatch(plan, /Seq Scan[^\n]* rows=\d{3,}|Rows Removed by Filter: \d{3,}/, question)
      t.match(plan, /Index Scan/, question)
    }
    const { 0: newest } = await app.sql<{ id: string }>(`SELECT id FROM audit_event ${page}`)
    const one = await planOf(`SELECT * FROM audit_event WHERE id = '${newest!.id}'`)
    t.equal(one.match(/ on audit_event/g)?.length, 1, 'an id is looked for in its month alone')

    async function planOf(query: string): Promise<string> {
      const rows = await app.sql<{ 'QUERY PLAN': string }>(`EXPLAIN (ANALYZE, COSTS OFF) ${query}`)
      return rows.map((row) => row['QUERY PLAN']).join('\n')
    }
  }
)

/** The partitions but the default one, in the order of time. */
async function partitionsOf(trail: TestTrail) {
  return trail.sql<{ name: string; first: string; end: string }>(`
    SELECT name, parts[1] AS first, parts[2] AS end
      FROM (SELECT oid::regclass::text AS name,
                   regexp_match(pg_get_expr(relpartbound, oid), 'FROM \\(''(.+)''\\) TO \\(''(.+)''\\)') AS parts
              FROM pg_class WHERE relispartition AND relkind = 'r' AND relname LIKE 'audit_event%') AS partition
     WHERE parts IS NOT NULL ORDER BY 2`)
}

const timeOf = (id: string): Date => new Date(parseInt(id.replaceAll('-', '').slice(0, 12), 16))

/** From now on it is that time, for Postgres and for the clock of the trail. */
async function moveTo(trail: TestTrail, to: Date): Promise<void> {
  const seconds = (to.getTime() - Date.now()) / 1_000
  await trail.sql(`CREATE OR REPLACE FUNCTION latchkey_now() RETURNS timestamptz LANGUAGE sql STABLE
                   PARALLEL SAFE AS $$ SELECT now() + interval '${seconds} seconds' $$`)
  await trail.platform.clock.sync()
}
