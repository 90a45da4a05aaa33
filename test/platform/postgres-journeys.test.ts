import { setImmediate as nextTurn } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { openPostgres } from '../../src/platform/postgres.ts'
import { createTestDatabase } from '../support/database.ts'
import { openDatabase } from '../support/raw-database.ts'

const ADD = { name: 'add', text: 'INSERT INTO step (what) VALUES ($1) RETURNING what' }
const FAIL = { name: 'fail', text: 'SELECT 1 / $1::int' }
const READ = { name: 'read', text: 'SELECT what FROM step ORDER BY what' }
const SILENT = { name: 'silent', text: 'DELETE FROM step WHERE what = $1' }
const LOCKED = {
  name: 'locked',
  text: `SELECT count(*)::int AS locks FROM pg_locks WHERE relation = 'step'::regclass AND pid = pg_backend_pid()`
}

async function givenSteps(t: Test, namedStatements = true, queryTimeoutMs = 20_000) {
  const { url } = await createTestDatabase(t)
  const { sql } = await openDatabase(t, url)
  await sql('CREATE TABLE step (what text PRIMARY KEY, told date, bytes bytea)')
  const options = { databaseUrl: url, poolSize: 1, queryTimeoutMs, namedStatements }
  const postgres = openPostgres(options)
  t.teardown(() => postgres.close())
  const steps = async () =>
    (await sql<{ what: string }>('SELECT what FROM step ORDER BY what')).map(({ what }) => what)
  return { postgres, steps, sql }
}

for (const isNamed of [true, false]) {
  const names = isNamed ? 'named' : 'unnamed'
  void t.test(`${names}, asked in one turn: done in that order, each its own rows`, async (t) => {
    const { postgres, steps } = await givenSteps(t, isNamed)
    const answers = () =>
      postgres.hotTransaction((tx) =>
        Promise.all([
          tx.query(ADD, ['b']),
          tx.query(READ, []),
          tx.query(SILENT, ['b']),
          tx.query(ADD, ['a']),
          tx.query(READ, [])
        ])
      )
    const [a, b] = [[{ what: 'a' }], [{ what: 'b' }]]
    t.strictSame(await answers(), [b, b, [], a, a])
    t.strictSame(await steps(), ['a'])
    await t.rejects(answers(), { code: '23505' }, 'and again, when they are known')
    t.strictSame(await postgres.hotTransaction((tx) => tx.query(READ, [])), a)
  })
}

void t.test(
  'one of those asked in one turn fails: all have, and none after it is done',
  async (t) => {
    const { postgres, steps } = await givenSteps(t)
    const failed = { code: '22012' }
    const asking = postgres.hotTransaction(async (tx) => {
      const asked = [tx.query(ADD, ['a']), tx.query(FAIL, [0]), tx.query(ADD, ['b'])]
      const outcomes = await Promise.allSettled(asked)
      t.match(outcomes, Array(3).fill({ status: 'rejected', reason: failed }))
      await asked[0]
    })
    await t.rejects(asking, failed)
    t.strictSame(await steps(), [])
    const [added] = await postgres.hotTransaction((tx) =>
      Promise.all([tx.query(ADD, ['b']), tx.query(FAIL, [1])])
    )
    t.strictSame(added, [{ what: 'b' }], 'what was passed over is known the next time')
  }
)

void t.test('the first statement fails and is passed over: an error, nothing stays', async (t) => {
  const { postgres, steps } = await givenSteps(t)
  const carryingOn = postgres.hotTransaction(async (tx) => {
    await tx.query(FAIL, [0]).catch(() => undefined)
    await tx.query(ADD, ['a']).catch(() => undefined)
  })
  await t.rejects(carryingOn)
  await t.rejects(
    postgres.hotTransaction(async (tx) => {
      await tx.query(FAIL, [0]).catch(() => undefined)
    })
  )
  t.strictSame(await steps(), [])
})

void t.test('one fails while another waits: what waited is never asked', async (t) => {
  const { postgres, steps } = await givenSteps(t)
  const FAIL_LATER = {
    name: 'fail_later',
    text: 'SELECT 1 / length(slept::text) FROM pg_sleep(0.1) AS slept'
  }
  for (const isFirst of [true, false]) {
    let late: Promise<unknown> = Promise.resolve()
    const failing = postgres.hotTransaction(async (tx) => {
      if (!isFirst) await tx.query(READ, [])
      const asked = tx.query(FAIL_LATER, [])
      await nextTurn()
      late = tx.query(ADD, ['late'])
      late.catch(() => undefined)
      await asked
    })
    await t.rejects(failing, { code: '22012' })
    await t.rejects(late, { code: 'service_unavailable' })
    t.strictSame(await steps(), [])
    const name = isFirst ? 'next' : 'the one after'
    await postgres.query(ADD, [name])
    t.ok((await steps()).includes(name), 'the connection is in no transaction')
    await postgres.query(SILENT, [name])
  }
})

void t.test('the transaction does not begin: nothing of what went with it is done', async (t) => {
  const { postgres, steps } = await givenSteps(t)
  // On the only connection there is.
  await postgres.query({ name: 'in_the_way', text: 'PREPARE transaction_begin AS SELECT 1' }, [])
  await t.rejects(postgres.hotTransaction((tx) => tx.query(ADD, ['a'])))
  await t.rejects(
    postgres.hotTransaction(async (tx) => {
      await tx.query(ADD, ['a']).catch(() => undefined)
      await tx.query(ADD, ['b'])
    })
  )
  t.strictSame(await steps(), [])
})

void t.test('what is asked for the end: comes after all, and with the commit', async (t) => {
  const { postgres, steps } = await givenSteps(t)
  await postgres.query(ADD, ['kept'])
  const locks = await postgres.hotTransaction(async (tx) => {
    tx.atEnd(SILENT, ['kept'])
    tx.atEnd(ADD, ['last'])
    return tx.query(LOCKED, [])
  })
  t.strictSame(locks, [{ locks: 0 }], 'nothing of it is done before')
  t.strictSame(await steps(), ['last'])
  await postgres.hotTransaction((tx) => {
    tx.atEnd(ADD, ['alone'])
    return Promise.resolve()
  })
  t.strictSame(await steps(), ['alone', 'last'])
})

void t.test('what is asked for the end fails: nothing stays', async (t) => {
  const { postgres, steps } = await givenSteps(t)
  const failing = postgres.hotTransaction(async (tx) => {
    tx.atEnd(ADD, ['b'])
    tx.atEnd(FAIL, [0])
    await tx.query(ADD, ['a'])
  })
  await t.rejects(failing, { code: '22012' })
  t.strictSame(await steps(), [])
  await postgres.hotTransaction((tx) => tx.query(ADD, ['next']))
  t.strictSame(await steps(), ['next'], 'and the connection is of use')
})

void t.test('no statement at all: the connection is of use afterwards', async (t) => {
  const { postgres, steps } = await givenSteps(t)
  t.equal(await postgres.hotTransaction(() => Promise.resolve(7)), 7)
  const failed = new Error('changed my mind')
  await t.rejects(
    postgres.hotTransaction(() => Promise.reject(failed)),
    failed
  )
  await postgres.hotTransaction((tx) => tx.query(ADD, ['a']))
  t.strictSame(await steps(), ['a'])
})

void t.test('values and columns of all kinds: as the driver reads and writes them', async (t) => {
  const { postgres } = await givenSteps(t)
  const at = new Date('2026-11-21T12:00:00.123Z')
  const ECHO = {
    name: 'echo',
    text: `SELECT $1::timestamptz AS at, $2::bytea AS bytes, $3::text[] AS list, $4::jsonb AS json,
                  $5::int AS count, $6::boolean AS flag, $7::text AS nothing, $8::bytea[] AS many`
  }
  const bytes = Buffer.from([0, 1, 255])
  const values = [at, new Uint8Array(bytes), ['a"b', 'ü'], { a: [1] }, 7, true, undefined, [bytes]]
  const [row] = await postgres.hotTransaction((tx) => tx.query(ECHO, values))
  t.strictSame(row, {
    at,
    bytes,
    list: ['a"b', 'ü'],
    json: { a: [1] },
    count: 7,
    flag: true,
    nothing: null,
    many: [bytes]
  })
})

void t.test('a value that is none: told, and nothing of its turn is done', async (t) => {
  const { postgres, steps } = await givenSteps(t)
  const broken = new Error('no value')
  const value = {
    toPostgres() {
      throw broken
    }
  }
  const asking = postgres.hotTransaction((tx) =>
    Promise.all([tx.query(ADD, ['a']), tx.query(ADD, [value])])
  )
  await t.rejects(asking, broken)
  const carryingOn = postgres.hotTransaction(async (tx) => {
    await tx.query(ADD, [value]).catch(() => undefined)
    await tx.query(ADD, ['a'])
  })
  await t.rejects(carryingOn, { message: /failed before the end/ })
  const withPrisma = postgres.transaction(async (tx) => {
    await tx.query(ADD, [value]).catch(() => undefined)
    await tx.query(ADD, ['a'])
  })
  await t.rejects(withPrisma, { message: /failed before the end/ })
  await postgres.hotTransaction((tx) => tx.query(ADD, ['b']))
  t.strictSame(await steps(), ['b'])
})

void t.test('a statement that is given up: so is its connection, nobody waits twice', async (t) => {
  const limitMs = 2_500
  const { postgres } = await givenSteps(t, true, limitMs)
  const SLEEP = { name: 'sleep', text: 'SELECT pg_sleep(30)' }
  await postgres.query(READ, [])
  const startedAtMs = performance.now()
  const sleeping = postgres.hotTransaction((tx) => tx.query(SLEEP, []))
  await t.rejects(sleeping, { code: 'service_unavailable' })
  // A ROLLBACK on it would be given up after as long again.
  t.ok(performance.now() - startedAtMs < 2 * limitMs - 300)
})
