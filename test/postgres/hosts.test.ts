import t from 'tap'
import { hostsOf } from '../../src/lib/postgres-hosts.ts'
import { openPostgres } from '../../src/platform/postgres.ts'
import { eventually } from '../support/eventually.ts'
import { openDatabase } from '../support/raw-database.ts'
import { startStreaming } from '../support/faults/streaming.ts'

const UNAVAILABLE = { code: 'service_unavailable' }
const ADDRESS = { name: 'address', text: 'SELECT inet_server_port() AS port' }

void t.test('hosts of a URL, one or several: a whole URL for each', (t) => {
  const single = 'postgresql://u:p%40ss@db.example:5432/latchkey?sslmode=require'
  t.strictSame(hostsOf(single), [single])
  t.strictSame(hostsOf('postgres://u:p@a:1,[::1]:2,c/db?x=y'), [
    'postgres://u:p@a:1/db?x=y',
    'postgres://u:p@[::1]:2/db?x=y',
    'postgres://u:p@c/db?x=y'
  ])
  for (const wrong of [
    '',
    'text',
    'postgres://a:1,b:x/db',
    'postgres://a,,b/db',
    'redis://a,b/0'
  ]) {
    t.strictSame(hostsOf(wrong), [], wrong)
  }
  t.end()
})

void t.test('a primary and its standby in one URL', async (t) => {
  const { primary, standby, sql } = await startStreaming(t)
  // The standby comes first, so that being first is not what decides.
  const url = primary.url.replace(`:${primary.port}`, `:${standby.port},127.0.0.1:${primary.port}`)
  const postgres = openPostgres({ databaseUrl: url, poolSize: 4 })
  t.teardown(() => postgres.close())
  const port = async () => (await postgres.query<{ port: number }>(ADDRESS, []))[0]!.port
  const again = (wanted: number) =>
    eventually('a server that writes', async () => (await port().catch(() => 0)) === wanted, 20_000)
  /** Who answers twenty at once; on a loaded machine some are told to come again. */
  const answering = async () => {
    const asked = await Promise.allSettled(Array.from({ length: 20 }, port))
    return new Set(asked.filter((one) => one.status === 'fulfilled').map(({ value }) => value))
  }

  await t.test('the standby comes first: the one that writes is found', async (t) => {
    await again(primary.port)
    t.strictSame(await answering(), new Set([primary.port]))
  })

  await t.test(
    'the primary is told to be read-only: nothing is written, until it may',
    async (t) => {
      await sql('ALTER SYSTEM SET default_transaction_read_only = on')
      await sql('SELECT pg_reload_conf()')
      const write = () => postgres.transaction((tx) => tx.reservedEmail.deleteMany())
      await eventually('no write', async () =>
        write().then(
          () => false,
          () => true
        )
      )
      await t.rejects(write(), UNAVAILABLE)
      await sql('SET default_transaction_read_only = off')
      await sql('ALTER SYSTEM RESET default_transaction_read_only')
      await sql('SELECT pg_reload_conf()')
      await eventually('a write', async () =>
        write().then(
          () => true,
          () => false
        )
      )
    }
  )

  await t.test(
    'the primary frozen, the standby promoted, the old one back: never used again',
    async (t) => {
      await again(primary.port)
      await answering() // the pool is full of connections to it
      await primary.freeze()
      await standby.promote()
      await t.rejects(port(), UNAVAILABLE, 'an answer in time, whatever it is')
      await again(standby.port)
      await primary.thaw()
      const old = await openDatabase(t, primary.url)
      const [row] = await old.sql('SELECT pg_is_in_recovery() AS standby')
      t.equal(row!['standby'], false, 'the old one would write')
      for (let round = 0; round < 5; round += 1) {
        t.strictSame(await answering(), new Set([standby.port]))
      }
      await standby.kill()
      await eventually('nobody', async () =>
        port().then(
          () => false,
          () => true
        )
      )
      for (let round = 0; round < 5; round += 1) await t.rejects(port(), UNAVAILABLE)
    }
  )
})
