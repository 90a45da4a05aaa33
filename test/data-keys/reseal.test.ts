import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { createKeeper } from '../../src/ops/data-keys/keeper.ts'
import { SEALED_COLUMNS } from '../../src/ops/data-keys/sealed-columns.ts'
import { startApp } from '../support/app.ts'
import { keyIds, openOperator } from '../support/data-keys.ts'
import { eventually } from '../support/eventually.ts'
import { openDatabase } from '../support/raw-database.ts'

const ROWS = 2_500
const WRITERS = 4
const PLACE = SEALED_COLUMNS.find(
  ({ table, column }) => `${table}.${column}` === 'users.phone_sealed'
)!

const app = await startApp(t, { DATA_KEY_ANNOUNCE_SECONDS: '5' })
await app.close() // its keeper would do the work of the test's
const { env, databaseUrl } = app
const first = await openOperator(t, { env, databaseUrl })
const second = await openOperator(t, { env, databaseUrl })
const { sealer, postgres, dataKeys } = first.platform

const { sql } = await openDatabase(t, databaseUrl)
const ids = () => keyIds({ sql })
const placeOf = (row: string) => ({ table: PLACE.table, column: PLACE.column, row })

const WRITE = {
  name: 'write_phone',
  text: 'UPDATE users SET phone_sealed = $2 WHERE id = $1'
}

async function givenPeople(): Promise<Map<string, string>> {
  const phones = new Map(Array.from({ length: ROWS }, () => [crypto.randomUUID(), 'first']))
  const rows = [...phones].map(([id, text]) => ({
    id,
    sealed: Buffer.from(sealer.seal(text, placeOf(id))).toString('hex')
  }))
  await sql(
    `INSERT INTO users (id, email_index, email_index_next, email_sealed, phone_sealed, roles, created_at, updated_at)
     SELECT id, uuid_send(id), uuid_send(gen_random_uuid()), '', decode(sealed, 'hex'), '{}', now(), now()
       FROM jsonb_to_recordset($1::jsonb) AS person (id uuid, sealed text)`,
    [JSON.stringify(rows)]
  )
  return phones
}

void t.test(
  'rows that are written while two servers seal them anew: the writers win, and all end under the new key',
  async (t) => {
    const phones = await givenPeople()
    const people = [...phones.keys()]
    const [old] = (await ids())['sealing']!
    await first.keys.rotate('sealing')
    const keepers = [first, second].map(({ stands }) => createKeeper(stands))
    let isOver = false
    let written = 0
    const writers = Array.from({ length: WRITERS }, async (_none, index) => {
      for (let turn = 0; !isOver; turn += 1) {
        const id = people[(turn * WRITERS + index) % people.length]!
        const text = `${index} ${turn}`
        const sealed = Buffer.from(sealer.seal(text, placeOf(id)))
        await postgres.query(WRITE, [id, sealed])
        phones.set(id, text)
        written += 1
      }
    })
    await eventually(
      'the old key destroyed',
      async () => {
        await Promise.all(keepers.map((keeper) => keeper.round()))
        await delay(100)
        return !(await ids())['sealing']!.includes(old!)
      },
      60_000
    )
    isOver = true
    await Promise.all(writers)
    t.ok(written > 100, `${written} writes meanwhile`)
    const rows = await sql<{ id: string; sealed: Buffer }>(
      'SELECT id, phone_sealed AS sealed FROM users'
    )
    const [newest] = (await ids())['sealing']!
    const wrong = rows.filter(({ id, sealed }) => {
      const isFresh = Buffer.from(sealed).toString('hex', 1, 5) === newest
      return !isFresh || sealer.open(sealed, placeOf(id)) !== phones.get(id)
    })
    t.equal(wrong.length, 0, 'every row holds what was written last')
  }
)

void t.test('a server that still seals with a retired key: is refused, to try again', async (t) => {
  const late = sealer.seal('late', placeOf('1'))
  const [active] = (await ids())['sealing']!
  t.equal(Buffer.from(late).toString('hex', 1, 5), active)
  await first.keys.retire(dataKeys.all().filter(({ id }) => id === active))
  const before = await sql('SELECT count(*)::int AS count FROM users WHERE phone_sealed IS NULL')
  const update = { name: 'late', text: 'UPDATE users SET phone_sealed = $1' }
  await t.rejects(postgres.query(update, [Buffer.from(late)]), {
    code: 'service_unavailable'
  })
  await t.resolves(sql('UPDATE users SET phone_sealed = phone_sealed WHERE FALSE'))
  await t.resolves(sql('UPDATE users SET name = $1', ['x']), 'what touches no sealed value goes on')
  t.strictSame(
    await sql('SELECT count(*)::int AS count FROM users WHERE phone_sealed IS NULL'),
    before
  )
})
