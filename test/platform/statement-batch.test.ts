import { Client, types } from 'pg'
import t, { type Test } from 'tap'
import type { Statement } from '../../src/platform/postgres.ts'
import { askTogether } from '../../src/platform/postgres/statement-batch.ts'
import { createTestDatabase } from '../support/database.ts'

const { MONEY } = types.builtins

/** One connection, and how often it was told what columns an answer has, or that it has none. */
async function givenConnection(t: Test) {
  const { url } = await createTestDatabase(t)
  const client = new Client(url)
  await client.connect()
  t.teardown(() => client.end())
  let descriptions = 0
  for (const message of ['rowDescription', 'noData']) {
    client.connection.on(message, () => (descriptions += 1))
  }
  const ask = async (statement: Statement, values: unknown[] = []) => {
    const [answered] = await askTogether(client, [{ statement, values }], true)
    return answered?.rows
  }
  return { client, ask, descriptions: () => descriptions }
}

const KINDS = {
  name: 'kinds',
  text: `
    SELECT $1::timestamptz AS at, $2::text[] AS list, $3::bytea AS bytes, $4::jsonb AS json, n, $5::text AS none
      FROM generate_series(1, 2) AS n`
}

void t.test('one name, again and again: read as the driver reads it, described once', async (t) => {
  const { client, ask, descriptions } = await givenConnection(t)
  const values = [new Date(0), ['a', 'b "c"'], Buffer.from([0, 255]), { is: true }, null]
  const { rows } = await client.query({ ...KINDS, name: 'driver', values })
  const before = descriptions()
  for (let time = 0; time < 3; time += 1) t.strictSame(await ask(KINDS, values), rows)
  t.equal(descriptions() - before, 1)
})

void t.test('without rows: an empty list, described once', async (t) => {
  const { ask, descriptions } = await givenConnection(t)
  const NOTHING = { name: 'nothing', text: "DELETE FROM setting WHERE key = 'none'" }
  await ask({ name: 'table', text: 'CREATE TEMPORARY TABLE setting (key text)' })
  const before = descriptions()
  for (let time = 0; time < 2; time += 1) t.strictSame(await ask(NOTHING), [])
  t.equal(descriptions() - before, 1)
})

void t.test('a statement that fails: its error, and the next one is answered', async (t) => {
  const { ask } = await givenConnection(t)
  const SHARE = { name: 'share', text: 'SELECT 12 / $1::int AS share' }
  for (let time = 0; time < 2; time += 1) {
    await t.rejects(ask(SHARE, [0]), { code: '22012' })
    t.strictSame(await ask(SHARE, [4]), [{ share: 3 }])
  }
  await t.rejects(ask({ name: 'broken', text: 'SELEC' }), { code: '42601' })
  t.strictSame(await ask(SHARE, [4]), [{ share: 3 }])
})

void t.test('a value that cannot be sent: an error, and the next one is answered', async (t) => {
  const { ask } = await givenConnection(t)
  const ECHO = { name: 'echo', text: 'SELECT $1::jsonb AS said' }
  await t.rejects(ask(ECHO, [{ count: 1n }]), { name: 'TypeError' })
  t.strictSame(await ask(ECHO, [{ count: 1 }]), [{ said: { count: 1 } }])
})

void t.test('an answer that cannot be read: an error, and the next one is answered', async (t) => {
  const { ask } = await givenConnection(t)
  const usual = types.getTypeParser(MONEY) as (text: string) => string
  types.setTypeParser(MONEY, () => {
    throw new Error('no money')
  })
  t.teardown(() => {
    types.setTypeParser(MONEY, usual)
  })
  await t.rejects(ask({ name: 'price', text: 'SELECT 1::money AS price' }), { message: 'no money' })
  t.strictSame(await ask({ name: 'one', text: 'SELECT 1 AS one' }), [{ one: 1 }])
})

void t.test(
  'one name for two statements: refused, and neither is taken for the other',
  async (t) => {
    const { client, ask } = await givenConnection(t)
    const ONE = { name: 'number', text: 'SELECT 1 AS number' }
    await ask(ONE)
    await t.rejects(ask({ ...ONE, text: 'SELECT 2 AS number' }), { message: /named number/ })
    t.strictSame(await ask(ONE), [{ number: 1 }])
    const NEW = { name: 'new', text: 'SELECT 3 AS number' }
    const both = [NEW, { ...NEW, text: 'SELECT 4 AS number' }, ONE]
    const asked = both.map((statement) => ({ statement, values: [] }))
    await t.rejects(askTogether(client, asked, true), { message: /named new/ })
    t.strictSame(await ask(NEW), [{ number: 3 }])
  }
)
