import t from 'tap'
import { createTrailStore } from '../../src/audit/trail-store.ts'
import type { Statement } from '../../src/platform/postgres.ts'
import { givenTrail, type TestTrail } from '../support/audit-trail.ts'

const PERSON = '01930000-0000-7000-8000-00000000000a'
const OTHER = '01930000-0000-7000-8000-00000000000b'

void t.test(
  'pages of the trail, by each set of conditions: those events, the newest first',
  async (t) => {
    const trail = await givenTrail(t)
    for (let round = 0; round < 3; round += 1) {
      await trail.write(
        { type: 'login.succeeded', userId: PERSON },
        { type: 'session.ended', userId: PERSON },
        { type: 'login.succeeded', userId: OTHER },
        { type: 'login.failed' }
      )
    }
    const all = await trail.find({ limit: 500 })
    t.equal(all.length, 12)
    t.strictSame(
      all.map(({ id }) => id),
      (await trail.ids()).toReversed()
    )
    const before = all[4]!.id
    for (const userId of [undefined, PERSON]) {
      for (const type of [undefined, 'login.succeeded', 'never.happened']) {
        for (const from of [undefined, before]) {
          const filter = {
            ...(userId !== undefined && { userId }),
            ...(type !== undefined && { type }),
            ...(from !== undefined && { before: from })
          }
          const expected = all.filter(
            (event) =>
              (userId === undefined || event.userId === userId) &&
              (type === undefined || event.type === type) &&
              (from === undefined || event.id < from)
          )
          const says = JSON.stringify(filter)
          t.strictSame(await trail.find({ ...filter, limit: 500 }), expected, says)
          t.strictSame(
            await trail.find({ ...filter, limit: 1 }),
            expected.slice(0, 1),
            `${says}, one`
          )
        }
      }
    }
    await t.rejects(trail.find({ limit: 501 }), RangeError)
  }
)

void t.test(
  'a type, in a month that never had it as far as Postgres knows: its index is read, not the month',
  async (t) => {
    const trail = await givenTrail(t)
    await trail.sql(`
    INSERT INTO audit_event (id, at, type)
    SELECT overlay(gen_random_uuid()::text PLACING left(audit_first_id(now())::text, 13) FROM 1)::uuid, now(), 'account.imported'
      FROM generate_series(1, 20000)`)
    await trail.sql('ANALYZE audit_event')
    const { name, text } = await statementOf(trail, 'login.succeeded')
    for (const mode of ['force_custom_plan', 'force_generic_plan']) {
      await trail.sql(`SET plan_cache_mode = ${mode}`)
      await trail.sql(`PREPARE ${name}_${mode} AS ${text}`)
      const plan = await trail.sql<{ 'QUERY PLAN': string }>(
        `EXPLAIN (ANALYZE, TIMING OFF) EXECUTE ${name}_${mode} (50, 'login.succeeded')`
      )
      const lines = plan.map((row) => row['QUERY PLAN']).join('\n')
      t.notMatch(lines, /Rows Removed/, mode)
      t.notMatch(lines, /_pkey/, mode)
    }
  }
)

/** What the store asks of Postgres. */
async function statementOf(trail: TestTrail, type: string): Promise<Statement> {
  const asked: Statement[] = []
  const { read, query } = trail.platform.postgres
  const store = createTrailStore({
    read,
    query: (statement, values) => {
      asked.push(statement)
      return query(statement, values)
    }
  })
  await store.find({ type, limit: 50 })
  return asked[0]!
}
