import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { Client } from 'pg'
import t, { type Test } from 'tap'
import {
  KEY_PURPOSES,
  KeyEncryptionKeyError,
  unlockDataKeys
} from '../../src/platform/keys/data-keys.ts'
import { openPostgres } from '../../src/platform/postgres.ts'
import { createTestDatabase } from '../support/database.ts'

/** An empty database, and a way to unlock its keys as one more server would. */
async function given(t: Test) {
  const { url } = await createTestDatabase(t)
  const postgres = openPostgres({ databaseUrl: url, poolSize: 10 })
  t.teardown(postgres.close)
  const database = new Client({ connectionString: url })
  await database.connect()
  t.teardown(() => database.end())
  const folder = t.testdir({ keys: {} })
  const keyEncryptionKey = randomBytes(32)
  const unlock = (key: Buffer | undefined = keyEncryptionKey) =>
    unlockDataKeys({ postgres, keyEncryptionKey: key, keysDir: `${folder}/keys` })
  const rows = async () => (await database.query('SELECT * FROM data_key ORDER BY id')).rows
  return { database, unlock, rows }
}

void t.test(
  'eight at once on an empty database: one key for each purpose, all alike',
  async (t) => {
    const { unlock, rows } = await given(t)
    const sets = await Promise.all(Array.from({ length: 8 }, () => unlock()))
    t.equal((await rows()).length, KEY_PURPOSES.length)
    const now = new Date()
    for (const purpose of KEY_PURPOSES) {
      const ids = sets.map((keys) => keys.activeAt(purpose, now).id)
      const bytes = sets.map((keys) => keys.activeAt(purpose, now).key.toString('hex'))
      t.equal(new Set(ids).size, 1, purpose)
      t.equal(new Set(bytes).size, 1)
    }
  }
)

void t.test('a lock that another server holds for 2.5 s: waited for, no fault', async (t) => {
  const { database, unlock, rows } = await given(t)
  await database.query('BEGIN')
  await database.query('SELECT pg_advisory_xact_lock(6780, 1)') // as src/platform/locks.ts numbers it
  let isThrough = false
  const unlocking = unlock().finally(() => (isThrough = true))
  unlocking.catch(() => undefined)
  await delay(2_500) // longer than any statement may take
  t.equal(isThrough, false, 'it waits')
  await database.query('COMMIT')
  await t.resolves(unlocking)
  t.equal((await rows()).length, KEY_PURPOSES.length)
})

void t.test(
  'another key, beside keys that lack one purpose: refused, and none is made',
  async (t) => {
    const { database, unlock, rows } = await given(t)
    await unlock()
    await database.query(`DELETE FROM data_key WHERE purpose = 'audit'`)
    const before = await rows()
    await t.rejects(unlock(randomBytes(32)), KeyEncryptionKeyError)
    t.strictSame(await rows(), before)
    await unlock()
    t.equal((await rows()).length, KEY_PURPOSES.length, 'the right key makes the missing one')
  }
)

void t.test('a data key on another key’s row, or changed: refused', async (t) => {
  const { database, unlock } = await given(t)
  await unlock()
  await database.query('BEGIN')
  await database.query(
    `UPDATE data_key SET sealed_key = (SELECT sealed_key FROM data_key WHERE purpose = 'audit')
      WHERE purpose = 'signing'`
  )
  await database.query('COMMIT')
  await t.rejects(unlock(), KeyEncryptionKeyError)
})

void t.test('a key for something that only a newer release knows: left alone', async (t) => {
  const { database, unlock, rows } = await given(t)
  await unlock()
  await database.query(`INSERT INTO data_key (id, purpose, kek_id, sealed_key, active_at)
    SELECT 'abcdef01', 'tomorrow', kek_id, sealed_key, active_at FROM data_key LIMIT 1`)
  const before = await rows()
  const keys = await unlock()
  await keys.reload()
  t.equal(keys.all().length, KEY_PURPOSES.length)
  t.same(await rows(), before)
})
