import t from 'tap'
import { findingsIn, PRODUCTION } from '../support/doctor.ts'
import { eventually } from '../support/eventually.ts'
import { startStreaming } from '../support/faults/streaming.ts'
import { openDatabase } from '../support/raw-database.ts'

void t.test('a primary, its standby, and what can be wrong with the two', async (t) => {
  const { primary, standby, sql } = await startStreaming(t)
  const findings = findingsIn({
    DATABASE_URL: primary.url,
    KEY_ENCRYPTION_KEY: 'ab'.repeat(32)
  })
  const replica = { DATABASE_REPLICA_URL: standby.url }
  const reload = async (statement: string) => {
    await sql(statement)
    await sql('SELECT pg_reload_conf()')
  }

  await t.test('asynchronous: worth knowing, in production a warning', async (t) => {
    t.match(await findings('durability'), [{ level: 'note', says: /no synchronous standby/ }])
    t.match(await findings('durability', PRODUCTION), [{ level: 'warn' }])
  })

  await t.test('a replica that streams, one that does not follow, one that is none', async (t) => {
    t.strictSame(await findings('replica'), [], 'where there is none')
    t.match(await findings('replica', replica), [{ level: 'ok' }])
    const away = { DATABASE_REPLICA_URL: 'postgresql://u:s3cret@127.0.0.1:1/x' }
    t.match(await findings('replica', away), [{ level: 'warn', says: /does not answer/ }])
    const itself = { DATABASE_REPLICA_URL: primary.url }
    t.match(await findings('replica', itself), [{ level: 'warn', says: /no streaming standby/ }])
  })

  await t.test('a server sent to the standby: an error, and several hosts are well', async (t) => {
    const there = { DATABASE_URL: standby.url }
    t.match(await findings('postgres', there), [{ level: 'error', says: /leads to a standby/ }])
    const both = { DATABASE_URL: standby.url.replace(/(:\d+)\//, `$1,127.0.0.1:${primary.port}/`) }
    t.match(await findings('postgres', both), [{ level: 'ok' }])
  })

  await t.test('synchronous: well while it streams, an error once it is gone', async (t) => {
    await reload("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
    await eventually('it is synchronous', async () => {
      const rows = await sql('SELECT 1 FROM pg_stat_replication WHERE sync_state = $1', ['sync'])
      return rows.length === 1
    })
    t.match(await findings('durability'), [{ level: 'ok' }])
    const there = await openDatabase(t, primary.url)
    await there.sql("ALTER ROLE postgres SET synchronous_commit = 'local'")
    t.match(await findings('durability'), [{ level: 'error', says: /synchronous_commit is local/ }])
    await there.sql('SET synchronous_commit = local')
    await there.sql('ALTER ROLE postgres RESET synchronous_commit')
    await standby.kill()
    await eventually('it is noticed', async () => {
      const [finding] = await findings('durability')
      return finding?.level === 'error' && /No synchronous standby streams/.test(finding.says)
    })
  })
})
