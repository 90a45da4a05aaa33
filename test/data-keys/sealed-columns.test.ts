import t from 'tap'
import { ADDRESS_TABLES } from '../../src/ops/data-keys/address-columns.ts'
import { SEALED_COLUMNS } from '../../src/ops/data-keys/sealed-columns.ts'
import { createTestDatabase } from '../support/database.ts'
import { openDatabase } from '../support/raw-database.ts'

/** What the key-encryption key seals. */
const KEY_COLUMNS = ['data_key.previous_sealed_key', 'data_key.sealed_key']

const { sql } = await openDatabase(t, (await createTestDatabase(t)).url)

/** Of tables; a partition has the columns of its table. */
async function columnsLike(condition: string): Promise<string[]> {
  const rows = await sql<{ name: string }>(
    `SELECT table_name || '.' || column_name AS name FROM information_schema.columns
       JOIN pg_class ON pg_class.oid = format('%I.%I', table_schema, table_name)::regclass
      WHERE table_schema = 'public' AND data_type = 'bytea' AND NOT relispartition AND (${condition})
      ORDER BY 1`
  )
  return rows.map(({ name }) => name)
}

void t.test('every column with a sealed value: is in the list that is sealed anew', async (t) => {
  const held = await columnsLike(`column_name LIKE '%\\_sealed' OR column_name LIKE '%sealed\\_%'`)
  const listed = SEALED_COLUMNS.map(({ table, column }) => `${table}.${column}`)
  t.strictSame(held, [...listed, ...KEY_COLUMNS].sort())
})

void t.test('every table with a blind index of addresses: is in the list that moves', async (t) => {
  const listed = ADDRESS_TABLES.map(({ table }) => `${table}.email_index`)
  t.strictSame(await columnsLike(`column_name = 'email_index'`), listed.sort())
  const next = ADDRESS_TABLES.map(({ table }) => `${table}.email_index_next`)
  t.strictSame(await columnsLike(`column_name = 'email_index_next'`), next.sort())
})

void t.test(
  'every column whose keys are destroyed: refuses what a retired key sealed',
  async (t) => {
    const triggers = await sql<{ name: string }>(
      `SELECT c.relname || '.' || a.attname AS name FROM pg_trigger g
       JOIN pg_class c ON c.oid = g.tgrelid
       JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (g.tgattr)
      WHERE g.tgfoid = 'refuse_retired_key'::regproc ORDER BY 1`
    )
    const mortal = SEALED_COLUMNS.filter(({ purpose }) => purpose !== 'audit')
    const listed = mortal.map(({ table, column }) => `${table}.${column}`)
    t.strictSame(
      triggers.map(({ name }) => name),
      listed.sort()
    )
  }
)
