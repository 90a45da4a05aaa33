import { randomBytes } from 'node:crypto'
import t, { type Test } from 'tap'
import { createUserByOperator } from '../../src/accounts/create-user-store.ts'
import { createUserStore } from '../../src/accounts/user-store.ts'
import { createAudit } from '../../src/audit/record.ts'
import { readConfig } from '../../src/config.ts'
import { parseEmailAddress } from '../../src/lib/email-address.ts'
import { createKeeper } from '../../src/ops/data-keys/keeper.ts'
import { openDataKeyRoom } from '../../src/ops/data-keys/room.ts'
import { makeDataKey } from '../../src/platform/keys/data-key-rows.ts'
import { createSealer } from '../../src/platform/keys/sealer.ts'
import { openPlatform } from '../../src/platform/open-platform.ts'
import type { Postgres } from '../../src/platform/postgres.ts'
import { freshEmail } from '../support/builders.ts'
import { createTestDatabase } from '../support/database.ts'
import { openDatabase } from '../support/raw-database.ts'

async function given(t: Test) {
  const { url } = await createTestDatabase(t)
  const { sql } = await openDatabase(t, url)
  const config = readConfig({ KEY_ENCRYPTION_KEY: randomBytes(32).toString('hex') })
  const platform = await openPlatform({ ...config, databaseUrl: url }, () => undefined)
  t.teardown(platform.close)
  const { postgres, sealer, dataKeys, clock } = platform
  const record = createAudit(platform)

  const createWith = (used: Postgres) => async (email: string) => {
    const create = createUserByOperator({ postgres: used, sealer, dataKeys, clock, record })
    const person = { username: null, passwordHash: null, roles: [] }
    return create({ email: parseEmailAddress(email)!, ...person })
  }

  /** Another key of the blind index, which reads at once where that is asked for. */
  async function beginRotation(step: 'active' | 'reads') {
    const { id } = await postgres.transaction((tx) => makeDataKey(tx, 'blind_index', dataKeys.keks))
    await sql(`UPDATE data_key SET active_at = now() - interval '2 hours'`)
    await sql(`UPDATE data_key SET active_at = now() - interval '1 hour' WHERE id = $1`, [id])
    if (step === 'reads') await sql('UPDATE data_key SET reads_at = active_at WHERE id = $1', [id])
    await dataKeys.reload()
  }

  /** Whether each person's row tells one key from the other. */
  const areFilled = async () =>
    (await sql<{ is: boolean }>(`SELECT email_index <> email_index_next AS is FROM users`)).map(
      ({ is }) => is
    )

  return { ...platform, sql, config, record, createWith, beginRotation, areFilled }
}

void t.test(
  'a transaction that is repeated after a step: writes what the step asks for',
  async (t) => {
    const { postgres, createWith, beginRotation, areFilled, sealer } = await given(t)
    let tries = 0
    const rolledBackOnce: Postgres = {
      ...postgres,
      transaction: async (work) => {
        await postgres
          .transaction(async (tx) => {
            await work(tx)
            throw new Error('could not serialize access')
          })
          .catch(() => (tries += 1))
        await beginRotation('active')
        return postgres.transaction(work)
      }
    }
    const email = freshEmail()
    t.match(await createWith(rolledBackOnce)(email), { id: String })
    t.equal(tries, 1)
    t.same(await areFilled(), [true])
    t.ok(await createUserStore({ postgres, reader: postgres, sealer }).findByEmail(email))
  }
)

void t.test(
  'a row that came late: the next key does not lead before it is brought along',
  async (t) => {
    const { postgres, createWith, beginRotation, areFilled, sql, dataKeys, ...platform } =
      await given(t)
    await createWith(postgres)(freshEmail())
    await beginRotation('reads')
    t.same(await areFilled(), [false], 'written by a server that knew nothing of it')
    const { stands } = openDataKeyRoom(
      { postgres, dataKeys, ...platform },
      platform.config,
      platform.record
    )
    const keeper = createKeeper(stands)
    for (let round = 0; round < 4; round += 1) {
      await keeper.round()
      const [led] = await sql('SELECT id FROM data_key WHERE leads_at IS NOT NULL')
      if (led !== undefined) break
      t.comment(`not yet after ${round + 1}`)
    }
    t.equal((await sql('SELECT id FROM data_key WHERE leads_at IS NOT NULL')).length, 1)
    t.same(await areFilled(), [true])
  }
)

void t.test('a server that may have missed a step: it writes and finds no address', async (t) => {
  const { dataKeys, clock } = await given(t)
  const sealer = createSealer({ dataKeys, clock, isBehind: () => true })
  t.throws(() => sealer.emailIndex('a@shop.example'), { code: 'service_unavailable' })
})
