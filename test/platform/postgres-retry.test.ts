import { once } from 'node:events'
import { connect, createServer, type AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { openPostgres } from '../../src/platform/postgres.ts'
import { createTestDatabase } from '../support/database.ts'
import { eventually } from '../support/eventually.ts'
import { openDatabase } from '../support/raw-database.ts'

const [A, B] = [1, 2]
const UNAVAILABLE = { code: 'service_unavailable' }
const addTo = (id: number) => `UPDATE counter SET n = n + 1 WHERE id = ${id}`

/** Two counters at 0, and as often as something was tried again. `settings` are those of the database. */
async function givenCounters(t: Test, settings: string[] = []) {
  const { url } = await createTestDatabase(t)
  const { sql } = await openDatabase(t, url)
  const name = new URL(url).pathname.slice(1)
  for (const setting of ["deadlock_timeout = '50ms'", ...settings]) {
    await sql(`ALTER DATABASE ${name} SET ${setting}`)
  }
  await sql('CREATE TABLE counter AS SELECT id, 0 AS n FROM generate_series(1, 2) AS id')
  const retries = { count: 0 }
  /** With connections open: on a loaded machine that alone can take longer than a request waits. */
  const open = async (databaseUrl = url) => {
    const postgres = openPostgres({
      databaseUrl,
      poolSize: 4,
      // As long as a loaded machine needs; how long people wait is another test's.
      queryTimeoutMs: 20_000,
      onRetry: () => (retries.count += 1)
    })
    t.teardown(() => postgres.close())
    const look = () => postgres.query({ name: 'look', text: 'SELECT pg_sleep(0.05)' }, [])
    await eventually('connections', () =>
      Promise.all([look(), look()]).then(
        () => true,
        () => false
      )
    )
    return postgres
  }
  const counts = async () =>
    (await sql<{ n: number }>('SELECT n FROM counter ORDER BY id')).map(({ n }) => n)
  return { url, sql, open, counts, retries }
}

/** Nobody passes before everybody has come, the first time. */
function createGate(parties: number) {
  let come = 0
  const opened = Promise.withResolvers<undefined>()
  return async () => {
    come += 1
    if (come === parties) opened.resolve(undefined)
    await opened.promise
  }
}

void t.test('two transactions that lock each other out: both happen, each once', async (t) => {
  const { open, counts, retries } = await givenCounters(t)
  const postgres = await open()
  const meet = createGate(2)
  const add = (first: number, second: number) =>
    postgres.transaction(async (tx) => {
      await tx.$executeRawUnsafe(addTo(first))
      await meet()
      await tx.$executeRawUnsafe(addTo(second))
    })
  await Promise.all([add(A, B), add(B, A)])
  t.strictSame(await counts(), [2, 2])
  t.ok(retries.count >= 1, `${retries.count} tried again`)
})

void t.test('one statement that Postgres chose to end a deadlock: happens, once', async (t) => {
  const { url, open, counts, retries, sql } = await givenCounters(t)
  const other = await openDatabase(t, url)
  await other.sql("SET deadlock_timeout = '1min'")
  await other.sql('BEGIN')
  await other.sql(addTo(B))
  const both = (await open()).query({ name: 'add_both', text: 'UPDATE counter SET n = n + 1' }, [])
  await eventually('the statement waits for B', async () => {
    const [row] = await sql<{ waits: number }>(
      "SELECT count(*)::int AS waits FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"
    )
    return row!.waits > 0
  })
  await other.sql(addTo(A))
  await other.sql('COMMIT')
  await both
  t.strictSame(await counts(), [2, 2])
  t.ok(retries.count >= 1, `${retries.count} tried again`)
})

void t.test('serializable transactions that cannot both be: both happen, in turn', async (t) => {
  const { open, counts, retries } = await givenCounters(t, [
    "default_transaction_isolation = 'serializable'"
  ])
  const postgres = await open()
  const meet = createGate(2)
  const take = () =>
    postgres.transaction(async (tx) => {
      const [row] = await tx.$queryRaw<[{ n: number }]>`SELECT n FROM counter WHERE id = 1`
      await meet()
      await tx.$executeRaw`UPDATE counter SET n = ${row.n + 1}::int WHERE id = 1`
    })
  await Promise.all([take(), take()])
  t.strictSame(await counts(), [2, 0], 'nothing is lost')
  t.ok(retries.count >= 1, `${retries.count} tried again`)
})

void t.test('one that never gets through: given up as 503 after four attempts', async (t) => {
  const { open, counts, retries } = await givenCounters(t)
  let attempts = 0
  const inVain = (await open()).transaction(async (tx) => {
    attempts += 1
    await tx.$executeRawUnsafe(addTo(A))
    await tx.$executeRawUnsafe("DO $$ BEGIN RAISE SQLSTATE '40001'; END $$")
  })
  await t.rejects(inVain, UNAVAILABLE)
  t.equal(attempts, 4)
  t.equal(retries.count, 3)
  t.strictSame(await counts(), [0, 0], 'and left nothing behind')
})

void t.test(
  'a server that stops to write meanwhile: asked again by a new connection',
  async (t) => {
    const { open, counts, retries, sql, url } = await givenCounters(t)
    const postgres = await open()
    await postgres.transaction((tx) => tx.$executeRawUnsafe(addTo(A)))
    const name = new URL(url).pathname.slice(1)
    await sql(`ALTER DATABASE ${name} SET default_transaction_read_only = on`)
    const readOnly = openPostgres({
      databaseUrl: url,
      poolSize: 1,
      onRetry: () => (retries.count += 1)
    })
    t.teardown(() => readOnly.close())
    await readOnly.read((db) => db.user.count())
    await sql('SET default_transaction_read_only = off')
    await sql(`ALTER DATABASE ${name} SET default_transaction_read_only = off`)
    await readOnly.transaction((tx) => tx.$executeRawUnsafe(addTo(A)))
    t.strictSame(await counts(), [2, 0])
    t.equal(retries.count, 1)
  }
)

/** A wire that breaks as soon as a COMMIT has gone over it, before its answer comes back. */
async function startBreakingWire(t: Test, url: string): Promise<string> {
  const target = new URL(url)
  const server = createServer((near) => {
    const far = connect({ host: target.hostname, port: Number(target.port) })
    let isOver = false
    near.on('data', (chunk) => {
      far.write(chunk)
      if (chunk.includes('COMMIT')) isOver = true
    })
    far.on('data', (chunk) => {
      if (isOver) near.destroy()
      else near.write(chunk)
    })
    near.on('close', () => far.destroy()).on('error', () => undefined)
    far.on('close', () => near.destroy()).on('error', () => undefined)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  return Object.assign(new URL(url), { hostname: '127.0.0.1', port: String(port) }).href
}

void t.test('a connection lost at COMMIT: 503, and never done a second time', async (t) => {
  const { url, open, counts, retries } = await givenCounters(t)
  const postgres = await open(await startBreakingWire(t, url))
  let runs = 0
  const lost = postgres.transaction(async (tx) => {
    runs += 1
    await tx.$executeRawUnsafe(addTo(A))
  })
  await t.rejects(lost, UNAVAILABLE)
  t.equal(runs, 1)
  t.equal(retries.count, 0)
  t.strictSame(await counts(), [1, 0], 'it had happened')
})

void t.test(
  'a statement that never ends, in a transaction of either kind: given up once, not twice',
  async (t) => {
    const { url } = await createTestDatabase(t)
    // Twice as long is still within what a transaction may take.
    const limitMs = 2_400
    const postgres = openPostgres({ databaseUrl: url, poolSize: 2, queryTimeoutMs: limitMs })
    t.teardown(() => postgres.close())
    const startedAtMs = performance.now()
    const SLEEP = { name: 'sleep', text: 'SELECT pg_sleep(60)' }
    const stuck: Promise<unknown>[] = [
      postgres.transaction((tx) => tx.$executeRawUnsafe(SLEEP.text)),
      postgres.hotTransaction((tx) => tx.query(SLEEP, []))
    ]
    await Promise.all(stuck.map(async (each) => t.rejects(each, UNAVAILABLE)))
    const tookMs = performance.now() - startedAtMs
    t.ok(tookMs < 2 * limitMs, `${Math.round(tookMs)} ms: its ROLLBACK does not wait as long again`)
    await postgres.transaction((tx) => tx.$executeRawUnsafe('SELECT 1'))
  }
)
