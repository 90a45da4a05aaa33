import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { createUserImportStore } from '../../src/accounts/user-import-store.ts'
import { parseEmailAddress } from '../../src/lib/email-address.ts'
import { freshEmail } from '../support/builders.ts'
import { keyIds, openOperator } from '../support/data-keys.ts'
import { dumpDatabase } from '../support/database-dump.ts'
import { eventually } from '../support/eventually.ts'
import { collect } from '../support/server.ts'
import { givenTwoServers, startTraffic, type TwoServers } from '../support/two-servers.ts'

const IMPORTED = 10_000
const ANNOUNCE_SECONDS = 5
const FREEZE_MS = 12_000
const PATIENCE_MS = 400_000

/** People who are there already, with a phone number each. */
async function importPeople({ platform }: Awaited<ReturnType<typeof openOperator>>): Promise<void> {
  const { postgres, sealer, dataKeys, clock } = platform
  const record = () => Promise.resolve([])
  const { add } = createUserImportStore({ postgres, sealer, dataKeys, clock, record })
  const person = () => ({
    email: parseEmailAddress(freshEmail())!,
    isEmailVerified: true,
    username: null,
    name: null,
    surname: null,
    phoneNumber: '+4930123456',
    locale: null,
    roles: ['user'],
    passwordHash: null
  })
  for (let done = 0; done < IMPORTED; done += 500) await add(Array.from({ length: 500 }, person))
}

/** `npm run keys -- …`, as an operator types it. */
async function runKeys({ env }: TwoServers, ...words: string[]): Promise<string> {
  const child = spawn(process.execPath, ['scripts/keys.ts', ...words], {
    env: { PATH: process.env['PATH'] ?? '', ...env }
  })
  const output = collect(child)
  const [code] = (await once(child, 'exit')) as [number]
  if (code !== 0) throw new Error(output())
  return output()
}

async function underOld({ sql }: TwoServers, keyId: string): Promise<number> {
  const [row] = await sql<{ rows: number }>(
    `SELECT count(*)::int AS rows FROM users WHERE substring(email_sealed FROM 2 FOR 4) = decode($1, 'hex')`,
    [keyId]
  )
  return row!.rows
}

void t.test(
  'every data key rotated under traffic, one server frozen, one killed: nothing fails, nothing is left',
  async (t) => {
    const home = await givenTwoServers(t, {
      DATA_KEY_ANNOUNCE_SECONDS: String(ANNOUNCE_SECONDS)
    })
    await Promise.all([home.start(0), home.start(1)])
    const operator = await openOperator(t, {
      env: home.env as never,
      databaseUrl: home.env.DATABASE_URL
    })
    await importPeople(operator)
    const traffic = startTraffic(home)
    const before = await keyIds(home)
    const old = before['sealing']![0]!

    // One server hears of nothing for so long that the others use the new keys when it comes back.
    const frozen = await home.away(1)
    process.kill(frozen.pid!, 'SIGSTOP')
    t.comment(await runKeys(home, 'rotate-data', 'all'))
    await delay(FREEZE_MS)
    process.kill(frozen.pid!, 'SIGCONT')
    home.back(1, frozen)

    const alone = async () => {
      const { sealing, signing, blind_index: index } = await keyIds(home)
      return [sealing, signing, index].every((ids) => ids?.length === 1)
    }
    await eventually('destroyed keys', alone, PATIENCE_MS)

    // Once more, and both are killed in the middle of it.
    const second = (await keyIds(home))['sealing']![0]!
    await runKeys(home, 'rotate-data', 'sealing')
    const hasBegun = async () => (await underOld(home, second)) < IMPORTED
    await eventually('a part of the rows', hasBegun, PATIENCE_MS)
    await Promise.all([home.stop(0, 'SIGKILL'), home.stop(1, 'SIGKILL')])
    const left = await underOld(home, second)
    t.ok(left > 0, 'killed in the middle')
    t.comment(`killed with ${left} rows of users left`)
    await Promise.all([home.start(0), home.start(1)])
    await eventually('destroyed keys', alone, PATIENCE_MS)
    await traffic.stop()
    const { asked, failed } = traffic.counts
    t.comment(
      `${asked} requests, ${traffic.emails.length} people registered, ${failed.length} failed`
    )
    t.strictSame(failed, [])
    const dump = await dumpDatabase(home.env.DATABASE_URL)
    const isOld = ({ forms: [value] }: (typeof dump)[number]) =>
      [old, second].some((id) => value!.startsWith(`\\x01${id}`))
    t.strictSame(dump.filter(isOld), [], 'a dump holds nothing that the old key sealed')
    const [rows] = await home.sql(
      `SELECT count(*)::int AS people, count(DISTINCT email_index)::int AS addresses,
              count(*) FILTER (WHERE email_index <> email_index_next)::int AS apart FROM users`
    )
    const people = IMPORTED + traffic.emails.length
    t.match(rows, { people, addresses: people, apart: 0 })
  }
)

void t.test('rows sealed anew: so many a second', async (t) => {
  const home = await givenTwoServers(t, { DATA_KEY_ANNOUNCE_SECONDS: '5' })
  await home.start(0)
  const operator = await openOperator(t, {
    env: home.env as never,
    databaseUrl: home.env.DATABASE_URL
  })
  await importPeople(operator)
  const old = (await keyIds(home))['sealing']![0]!
  await operator.keys.rotate('sealing')
  await eventually('a first row', async () => (await underOld(home, old)) < IMPORTED, PATIENCE_MS)
  const startedAtMs = performance.now()
  const first = await underOld(home, old)
  await eventually('the last row', async () => (await underOld(home, old)) === 0, PATIENCE_MS)
  const seconds = (performance.now() - startedAtMs) / 1_000
  t.comment(`${first} rows in ${seconds.toFixed(1)} s: ${Math.round(first / seconds)} rows/s`)
  t.ok(first > 0)
})

void t.test(
  'the key-encryption key changed, server by server, under traffic: nothing fails',
  async (t) => {
    const home = await givenTwoServers(t, {})
    const next = randomBytes(32).toString('hex')
    const both = {
      KEY_ENCRYPTION_KEY: next,
      KEY_ENCRYPTION_KEY_PREVIOUS: home.env.KEY_ENCRYPTION_KEY
    }
    await Promise.all([home.start(0), home.start(1)])
    const traffic = startTraffic(home)
    const restart = async (index: number, env: Record<string, string>, signal?: NodeJS.Signals) => {
      const { asked } = traffic.counts
      await home.stop(index, signal)
      await home.start(index, env)
      const goesOn = () => Promise.resolve(traffic.counts.asked > asked + 40)
      await eventually('traffic', goesOn, 60_000)
    }
    await restart(0, both)
    await eventually('wraps', async () => {
      const rows = await home.sql('SELECT id FROM data_key WHERE previous_kek_id IS NULL')
      return rows.length === 0
    })
    await restart(1, {}, 'SIGKILL') // crashed meanwhile: it starts with the old key alone
    await restart(1, both)
    await restart(0, { KEY_ENCRYPTION_KEY: next })
    await restart(1, { KEY_ENCRYPTION_KEY: next })
    await traffic.stop()
    const { asked, failed } = traffic.counts
    t.comment(`${asked} requests, ${failed.length} failed, over five restarts`)
    t.strictSame(failed, [])
    const wraps = await home.sql('SELECT DISTINCT kek_id, previous_kek_id FROM data_key')
    t.equal(wraps.length, 1, 'all under the new one')
    t.equal(wraps[0]!['previous_kek_id'], null, 'and nothing under the old one')
  }
)
