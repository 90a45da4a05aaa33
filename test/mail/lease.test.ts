import t from 'tap'
import { createOutboxStore } from '../../src/mail/outbox-store.ts'
import { openPostgres } from '../../src/platform/postgres.ts'
import { createTestDatabase } from '../support/database.ts'

void t.test('five messages ended at once, one lease lost meanwhile: four are sent', async (t) => {
  const { url } = await createTestDatabase(t)
  const postgres = openPostgres({ databaseUrl: url, poolSize: 4 })
  t.teardown(postgres.close)
  const run = (text: string) => postgres.query<{ id: string }>({ name: text, text }, [])
  await run(`
    INSERT INTO outbox_message (id, kind, payload_sealed, created_at, next_attempt_at, expires_at)
    SELECT gen_random_uuid(), 'mail', '\\x00', now(), now(), now() + interval '1 day'
      FROM generate_series(1, 5)`)
  const { take, finish } = createOutboxStore(postgres)
  const messages = await take('mail', 10)
  t.equal(messages.length, 5)
  const lost = messages[2]!
  await run(`
    UPDATE outbox_message SET claimed_until = claimed_until + interval '60 s', attempts = 2
     WHERE id = '${lost.id}'`)
  await Promise.all(messages.map(finish))
  const unsent = await run(
    `SELECT id FROM outbox_message WHERE sent_at IS NULL AND payload_sealed IS NOT NULL`
  )
  t.strictSame(unsent, [{ id: lost.id }], 'whoever holds it now says so')
})

/** Leaves Postgres nothing but to ask for what is due once for every message that there is. */
const ONE_BY_ONE = [
  'hashjoin',
  'mergejoin',
  'hashagg',
  'sort',
  'material',
  'indexscan',
  'bitmapscan'
]

void t.test('more due than there are places, in any plan: no more are taken', async (t) => {
  const { url } = await createTestDatabase(t)
  const options = ONE_BY_ONE.map((way) => `-c enable_${way}=off`).join(' ')
  const databaseUrl = `${url}?options=${encodeURIComponent(options)}`
  const postgres = openPostgres({ databaseUrl, poolSize: 1 })
  t.teardown(postgres.close)
  const run = (text: string) => postgres.query<{ ids: string[] }>({ name: text, text }, [])
  await run(`
    INSERT INTO outbox_message (id, kind, payload_sealed, created_at, next_attempt_at, expires_at)
    SELECT gen_random_uuid(), 'mail', '\\x00', now(), now() - (60 - n) * interval '1 s', now() + interval '1 day'
      FROM generate_series(1, 50) AS n`)
  const [first] = await run(
    `SELECT array(SELECT id::text FROM outbox_message ORDER BY next_attempt_at LIMIT 10) AS ids`
  )
  const { take } = createOutboxStore(postgres)
  const taken = (await take('mail', 10)).map(({ id }) => id)
  t.strictSame(taken.toSorted(), first!.ids.toSorted(), 'the ten that are due longest')
  t.equal((await take('mail', 50)).length, 40, 'the others wait for their turn')
})
