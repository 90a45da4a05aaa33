import t, { type Test } from 'tap'
import { setTimeout as delay } from 'node:timers/promises'
import { openPostgres } from '../../src/platform/postgres.ts'
import { runOnConnection } from '../../src/platform/postgres/hot-transaction.ts'
import { openPrimaryPool } from '../../src/platform/postgres/primary-pool.ts'
import { createTestDatabase } from '../support/database.ts'
import { openDatabase } from '../support/raw-database.ts'

const ADD = { name: 'add', text: 'INSERT INTO step (what) VALUES ($1) RETURNING what' }
const FAIL = { name: 'fail', text: 'SELECT 1 / $1::int' }

async function givenSteps(t: Test) {
  const { url } = await createTestDatabase(t)
  const { sql } = await openDatabase(t, url)
  await sql('CREATE TABLE step (what text PRIMARY KEY)')
  const postgres = openPostgres({ databaseUrl: url, poolSize: 2, queryTimeoutMs: 20_000 })
  t.teardown(() => postgres.close())
  const steps = async () =>
    (await sql<{ what: string }>('SELECT what FROM step ORDER BY what')).map(({ what }) => what)
  return { url, postgres, steps }
}

for (const kind of ['hotTransaction', 'transaction'] as const) {
  void t.test(
    `${kind}: its statements commit together, and are seen by nobody before`,
    async (t) => {
      const { postgres, steps } = await givenSteps(t)
      const added = await postgres[kind](async (tx) => {
        await tx.query(ADD, ['a'])
        t.strictSame(await steps(), [])
        return tx.query(ADD, ['b'])
      })
      t.strictSame(added, [{ what: 'b' }])
      t.strictSame(await steps(), ['a', 'b'])
    }
  )

  void t.test(
    `${kind}, when the work fails: nothing of it stays, and the next one works`,
    async (t) => {
      const { postgres, steps } = await givenSteps(t)
      const failing = postgres[kind](async (tx) => {
        await tx.query(ADD, ['a'])
        throw new Error('changed my mind')
      })
      await t.rejects(failing, { message: 'changed my mind' })
      await postgres[kind]((tx) => tx.query(ADD, ['b']))
      t.strictSame(await steps(), ['b'])
    }
  )

  void t.test(
    `${kind}, when a failed statement is passed over: an error, and nothing stays`,
    async (t) => {
      const { postgres, steps } = await givenSteps(t)
      const carryingOn = postgres[kind](async (tx) => {
        await tx.query(ADD, ['a'])
        await tx.query(FAIL, [0]).catch(() => undefined)
      })
      await t.rejects(carryingOn)
      t.strictSame(await steps(), [])
    }
  )
}

void t.test('a transaction of both kinds of statement: one transaction', async (t) => {
  const { postgres } = await givenSteps(t)
  const CURRENT = { name: 'current', text: 'SELECT pg_current_xact_id()::text AS id' }
  const ids = await postgres.transaction(async (tx) => [
    ...(await tx.query<{ id: string }>(CURRENT, [])),
    ...(await tx.$queryRaw<{ id: string }[]>`SELECT pg_current_xact_id()::text AS id`)
  ])
  t.equal(new Set(ids.map(({ id }) => id)).size, 1)
})

void t.test('transactions at once on a small pool: each on its own connection', async (t) => {
  const { postgres, steps } = await givenSteps(t)
  const names = Array.from({ length: 20 }, (_, index) => `step ${index + 10}`)
  await Promise.all(
    names.map((name, index) =>
      postgres[index % 2 === 0 ? 'transaction' : 'hotTransaction']((tx) => tx.query(ADD, [name]))
    )
  )
  t.strictSame(await steps(), names)
})

void t.test('a transaction over its limit: 503, and it never commits', async (t) => {
  const { url, steps } = await givenSteps(t)
  const pool = openPrimaryPool({ databaseUrl: url, max: 1, connectionTimeoutMillis: 20_000 })
  t.teardown(() => pool.end())
  const tooLong = runOnConnection(
    pool,
    async (tx) => {
      await tx.query(ADD, ['late'])
      await delay(300)
    },
    { namedStatements: true, limitMs: 100 }
  )
  await t.rejects(tooLong, { code: 'service_unavailable' })
  t.strictSame(await steps(), [])
  t.strictSame((await pool.query('SELECT 1 AS one')).rows, [{ one: 1 }])
})

void t.test('a transaction, when its work goes on after the end: asks nothing more', async (t) => {
  for (const kind of ['hotTransaction', 'transaction'] as const) {
    const { postgres, steps } = await givenSteps(t)
    const ended = Promise.withResolvers<undefined>()
    const late: Promise<unknown>[] = []
    await postgres[kind](async (tx) => {
      await tx.query(ADD, ['in time'])
      late.push(ended.promise.then(() => tx.query(ADD, ['late'])))
    })
    ended.resolve(undefined)
    await t.rejects(late[0]!, { code: 'service_unavailable' })
    t.strictSame(await steps(), ['in time'])
  }
})
