import t, { type Test } from 'tap'
import { openPostgres } from '../../src/platform/postgres.ts'
import { eventually } from '../support/eventually.ts'
import { startStreaming } from '../support/faults/streaming.ts'

const UNAVAILABLE = { code: 'service_unavailable' }
const ADD = 'INSERT INTO fact SELECT coalesce(max(id), 0) + 1 FROM fact'

void t.test('a commit that waits for a synchronous standby', async (t) => {
  const { primary, wire, sql } = await startStreaming(t, { synchronous: true })
  await sql('CREATE TABLE fact (id int)')
  await sql('SET synchronous_commit = local') // what looks on and cleans up waits for nobody
  /** An acknowledgement of either kind, where none may be given. */
  const acts = {
    'a statement': (postgres: Postgres) => postgres.query({ name: 'add_fact', text: ADD }, []),
    'a transaction': (postgres: Postgres) => postgres.transaction((tx) => tx.$executeRawUnsafe(ADD))
  }

  /** Begins an act that waits for the standby; `end` is what comes upon it. */
  async function isNotAcknowledged(t: Test, patienceMs: number, end: () => Promise<unknown>) {
    for (const [name, act] of Object.entries(acts)) {
      const postgres = openPostgres({
        databaseUrl: primary.url,
        poolSize: 2,
        queryTimeoutMs: patienceMs
      })
      t.teardown(() => postgres.close())
      const look = () => postgres.query({ name: 'look', text: 'SELECT 1' }, [])
      await eventually('a connection', () => works(look))
      wire.stall()
      const acknowledged: Promise<unknown> = act(postgres)
      acknowledged.catch(() => undefined)
      await eventually('a commit that waits', async () => {
        const rows = await sql("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
        return rows.length > 0
      })
      await end()
      await t.rejects(acknowledged, UNAVAILABLE, name)
      await wire.restore()
      await eventually('the same pool works, once the standby is back', () =>
        works(() => act(postgres))
      )
    }
  }

  const toWaiting = (call: string) => () =>
    sql(`SELECT ${call}(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'`)

  await t.test('our own time limit: not acknowledged', async (t) => {
    await isNotAcknowledged(t, 1_500, () => Promise.resolve())
  })
  await t.test(
    'an administrator cancels the wait: not acknowledged, whatever Postgres says',
    async (t) => {
      await isNotAcknowledged(t, 20_000, toWaiting('pg_cancel_backend'))
    }
  )
  await t.test('an administrator ends the connection: not acknowledged', async (t) => {
    await isNotAcknowledged(t, 20_000, toWaiting('pg_terminate_backend'))
  })
  await t.test("the role's own statement_timeout: does not cut the wait short", async (t) => {
    await sql("ALTER ROLE postgres SET statement_timeout = '500ms'")
    await isNotAcknowledged(t, 1_500, () => Promise.resolve())
  })
})

const works = (act: () => Promise<unknown>) =>
  act().then(
    () => true,
    () => false
  )

type Postgres = ReturnType<typeof openPostgres>
