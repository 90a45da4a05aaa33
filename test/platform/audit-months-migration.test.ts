import { randomBytes } from 'node:crypto'
import { cp, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import t, { type Test } from 'tap'
import { v7 as uuidv7 } from 'uuid'
import { applyMigrations, schemaDrift } from '../../src/platform/migrate.ts'
import { openTrail, type TestTrail } from '../support/audit-trail.ts'
import { createEmptyDatabase } from '../support/database.ts'
import { eventually } from '../support/eventually.ts'
import { givenFolder } from '../support/folder.ts'

const PRISMA = join(import.meta.dirname, '../../prisma')
const FIRST_STEP = '20261121155000'
const READ = 'SELECT * FROM audit_event WHERE id = $1'
const EVENT = 'INSERT INTO audit_event (id, at, type) VALUES ($1, $2, $3)'

void t.test(
  'a trail of before, migrated under the version before: not a row is lost',
  async (t) => {
    const { url } = await givenVersionBefore(t)
    const env = { DATABASE_URL: url, KEY_ENCRYPTION_KEY: randomBytes(32).toString('hex') }
    const trail = await openTrail(t, env)
    await trail.write(...Array.from({ length: 50 }, () => ({})))
    await trail.sealNext()
    const before = await trail.ids()

    // The server of the version before: it writes and reads all the while, with statements prepared before.
    const writing = startWriting(trail)
    await writing.go(20)
    await applyMigrations({ databaseUrl: url })
    await writing.go(20)
    const { written, faults } = await writing.stop()
    t.strictSame(faults, [], 'nobody was refused')

    const after = await trail.ids()
    t.strictSame(after.slice(0, before.length), before)
    t.equal(after.length, before.length + written)
    t.equal(await schemaDrift(url), null)
    const [old] = await trail.sql<{ bound: string }>(
      `SELECT pg_get_expr(relpartbound, oid) AS bound FROM pg_class WHERE relname = 'audit_event_before'`
    )
    t.match(old!.bound, /^FOR VALUES FROM \(MINVALUE\) TO \('[0-9a-f-]{36}'\)$/)
    for (;;) if ((await trail.sealNext()) === null) break
    t.match(await trail.check(), { events: after.length, waiting: 0, faults: [] })
    const refused = trail.platform.postgres.read((db) =>
      db.$executeRawUnsafe('DELETE FROM audit_event_before')
    )
    t.match(await refused.catch(String), /is append-only/)
  }
)

void t.test('ids from the far future, migrated: lie in the default partition', async (t) => {
  const { url } = await givenVersionBefore(t)
  const client = await connect(t, url)
  const ids = ['01900000-0000-7000-8000-000000000000', 'f0000000-0000-4000-8000-000000000000']
  for (const id of ids) await client.query(EVENT, [id, new Date(), 'login.failed'])
  await applyMigrations({ databaseUrl: url })
  const { rows } = await client.query(
    'SELECT tableoid::regclass::text AS partition, id FROM audit_event ORDER BY id'
  )
  t.strictSame(rows, [
    { partition: 'audit_event_before', id: ids[0] },
    { partition: 'audit_event_default', id: ids[1] }
  ])
  await t.rejects(client.query('DELETE FROM audit_event_before'), /is append-only/)
  await t.rejects(client.query('DELETE FROM audit_event_default'), /is append-only/)
})

void t.test('an index that was not completed: the last step says what to do', async (t) => {
  const { url, folder } = await givenVersionBefore(t)
  const client = await connect(t, url)
  await client.query(EVENT, ['01900000-0000-7000-8000-000000000000', new Date(), 'login.failed'])
  await withSteps(folder, (name) => !name.startsWith('20261121155004'))
  await applyMigrations({ databaseUrl: url, folder })
  const broken = 'audit_event_before_type_id_idx'
  await client.query(
    `UPDATE pg_index SET indisvalid = FALSE WHERE indexrelid = '${broken}'::regclass`
  )
  await t.rejects(applyMigrations({ databaseUrl: url }), {
    message: new RegExp(`run REINDEX INDEX CONCURRENTLY ${broken}, then migrate again`)
  })
  await client.query(`REINDEX INDEX CONCURRENTLY ${broken}`)
  const { applied } = await applyMigrations({ databaseUrl: url })
  t.equal(applied[0], '20261121155004_audit_months')
})

/** Writes events and reads them back, with prepared statements, as fast as it can. */
function startWriting({ platform: { postgres } }: TestTrail) {
  const faults: unknown[] = []
  let written = 0
  const stopping = new AbortController()
  const running = (async () => {
    while (!stopping.signal.aborted) {
      const at = new Date()
      const id = uuidv7({ msecs: at.getTime() })
      try {
        await postgres.query({ name: 'write', text: EVENT }, [id, at, 'login.failed'])
        const rows = await postgres.query({ name: 'read', text: READ }, [id])
        if (rows.length !== 1) faults.push(`${id} was written and not found`)
        written += 1
      } catch (error) {
        faults.push(error)
      }
    }
  })()
  return {
    /** Waits for so many more. */
    go: (count: number) => {
      const goal = written + count
      return eventually('events', () => Promise.resolve(written >= goal))
    },
    stop: async () => {
      stopping.abort()
      await running
      return { written, faults }
    }
  }
}

/** A database as the version before has it. */
async function givenVersionBefore(t: Test) {
  const { url } = await createEmptyDatabase(t)
  const folder = await givenFolder(t)
  await withSteps(folder, (name) => name < FIRST_STEP)
  await applyMigrations({ databaseUrl: url, folder })
  return { url, folder }
}

/** Fills a folder with the migrations of these names. */
async function withSteps(folder: string, filter: (name: string) => boolean): Promise<void> {
  await rm(folder, { recursive: true, force: true })
  await cp(PRISMA, folder, { recursive: true })
  for (const name of await readdir(join(folder, 'migrations'))) {
    if (/^\d/.test(name) && !filter(name))
      await rm(join(folder, 'migrations', name), { recursive: true })
  }
}

async function connect(t: Test, url: string): Promise<pg.Client> {
  const client = new pg.Client(url)
  await client.connect()
  t.teardown(() => client.end())
  return client
}
