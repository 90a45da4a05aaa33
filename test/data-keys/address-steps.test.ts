import { randomBytes } from 'node:crypto'
import t, { type Test } from 'tap'
import { createUserByOperator } from '../../src/accounts/create-user-store.ts'
import { createUserStore } from '../../src/accounts/user-store.ts'
import { createAudit } from '../../src/audit/record.ts'
import { parseEmailAddress } from '../../src/lib/email-address.ts'
import { ADDRESS_TABLES, type AddressStep } from '../../src/ops/data-keys/address-columns.ts'
import { createAddressStore } from '../../src/ops/data-keys/address-store.ts'
import { createLease } from '../../src/ops/data-keys/lease-store.ts'
import { BEGINNING } from '../../src/ops/data-keys/pages.ts'
import { startClock } from '../../src/platform/clock.ts'
import { makeDataKey } from '../../src/platform/keys/data-key-rows.ts'
import { unlockDataKeys } from '../../src/platform/keys/data-keys.ts'
import { createSealer } from '../../src/platform/keys/sealer.ts'
import { openPostgres } from '../../src/platform/postgres.ts'
import { freshEmail } from '../support/builders.ts'
import { createTestDatabase } from '../support/database.ts'

/** The steps in their order, as the times at which a server of that step lives. */
const STEPS = ['before', 'B is active', 'B reads', 'B leads', 'settled'] as const
const STEP_SECONDS = 100
/** What has been done to the rows before any server is at a step. */
const DONE_BEFORE: Partial<Record<(typeof STEPS)[number], AddressStep>> = {
  'B reads': 'fill',
  settled: 'lead'
}

async function given(t: Test) {
  const { url } = await createTestDatabase(t)
  const postgres = openPostgres({ databaseUrl: url, poolSize: 10 })
  t.teardown(postgres.close)
  const clock = await startClock(postgres)
  const keyEncryptionKey = randomBytes(32)
  const started = clock.now().getTime()
  const lease = createLease('data_keys')
  const options = { postgres, keyEncryptionKey, keysDir: 'none' }
  const { keks } = await unlockDataKeys(options)
  const { id } = await postgres.transaction((tx) =>
    makeDataKey(tx, 'blind_index', keks, STEP_SECONDS)
  )
  await postgres.transaction(async (tx) => {
    const at = (step: number) => new Date(started + step * STEP_SECONDS * 1_000)
    await tx.dataKey.update({
      where: { id },
      data: { activeAt: at(1), readsAt: at(2), leadsAt: at(3), settledAt: at(4) }
    })
  })

  /** A server that is at a step. */
  async function serverAt(step: number) {
    const now = () => new Date(started + (step + 0.5) * STEP_SECONDS * 1_000)
    const dataKeys = await unlockDataKeys({ ...options, now })
    const sealer = createSealer({ dataKeys, clock })
    const record = createAudit({ sealer, clock })
    const create = createUserByOperator({ postgres, sealer, dataKeys, clock, record })
    const { findByEmail } = createUserStore({ postgres, reader: postgres, sealer })
    const { movePage } = createAddressStore({ postgres, sealer, dataKeys, lease })
    return {
      create: (email: string) =>
        create({ email: parseEmailAddress(email)!, username: null, passwordHash: null, roles: [] }),
      find: async (email: string) => (await findByEmail(email))?.userId ?? null,
      bring: async (to: AddressStep) => {
        for (const table of ADDRESS_TABLES) await movePage(table, to, BEGINNING[table.keyType])
      }
    }
  }
  return { postgres, serverAt }
}

type Created = { id: string } | 'email_taken' | 'username_taken'
const idOf = (created: Created) => (typeof created === 'string' ? null : created.id)

void t.test(
  'servers one step apart: each finds whom the other made, and an address has one owner',
  async (t) => {
    const { postgres, serverAt } = await given(t)
    const people: { email: string; id: string }[] = []
    for (let step = 0; step < STEPS.length - 1; step += 1) {
      const [slow, quick] = [await serverAt(step), await serverAt(step + 1)]
      const name = `${STEPS[step]!} and ${STEPS[step + 1]!}`
      const work = DONE_BEFORE[STEPS[step + 1]!]
      if (work !== undefined) await slow.bring(work)

      for (const { email, id } of people) {
        t.equal(await slow.find(email), id, `${name}: the slow one knows ${email}`)
        t.equal(await quick.find(email), id, `${name}: the quick one too`)
      }
      for (const [maker, other] of [
        [slow, quick],
        [quick, slow]
      ] as const) {
        const email = freshEmail()
        const id = idOf(await maker.create(email))
        t.equal(await other.find(email), id, `${name}: found by the other`)
        t.equal(await other.create(email), 'email_taken')
        people.push({ email, id: id! })
      }
      let made = 0
      for (let round = 0; round < 10; round += 1) {
        const email = freshEmail()
        const outcomes = await Promise.allSettled([slow.create(email), quick.create(email)])
        const ids = outcomes.map((one) => (one.status === 'fulfilled' ? idOf(one.value) : null))
        const won = ids.filter((id) => id !== null)
        t.equal(won.length, 1, `${name}: both at once, one owner`)
        made += won.length
        people.push({ email, id: won[0]! })
      }
      t.equal(made, 10)
    }
    const rows = await postgres.read((db) => db.user.findMany())
    const last = await serverAt(STEPS.length - 1)
    t.equal(rows.length, people.length)
    for (const { email, id } of people) t.equal(await last.find(email), id, 'and at the end')
  }
)
