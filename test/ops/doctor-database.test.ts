import t from 'tap'
import { readConfig } from '../../src/config.ts'
import { DATABASE, type DatabaseSubject } from '../../src/ops/doctor/database.ts'
import { startApp } from '../support/app.ts'
import { createEmptyDatabase } from '../support/database.ts'
import { findingsIn, PRODUCTION, runDoctor } from '../support/doctor.ts'

const app = await startApp(t)
const findings = findingsIn(app.env)

void t.test(
  'a Postgres that is away or refuses: said without its URL, the rest is looked at',
  async (t) => {
    const away = { DATABASE_URL: 'postgresql://someone:s3cret@127.0.0.1:1/place' }
    const { status, stdout } = runDoctor({ ...app.env, ...away })
    t.equal(status, 1)
    t.match(stdout, /^error {2}postgres .*does not answer \(ECONNREFUSED\)/m)
    t.match(stdout, /^ok {5}smtp/m)
    t.notMatch(stdout, /s3cret|someone|127\.0\.0\.1/)

    const wrong = new URL(app.databaseUrl)
    wrong.pathname = '/no_such_database'
    const refused = await findings('postgres', { DATABASE_URL: wrong.href })
    t.match(refused, [{ level: 'error', says: 'has no database of its name (3D000)' }])
  }
)

void t.test('migrations that are not applied: named, and still not applied', async (t) => {
  const { url } = await createEmptyDatabase(t)
  const found = await findings('migrations', { DATABASE_URL: url })
  t.match(found, [{ level: 'warn', says: /not applied, from 2026/ }, { level: 'note' }])
  const production = { ...PRODUCTION, DATABASE_URL: url }
  t.match((await findings('migrations', production))[0], { level: 'error' })
})

void t.test('clocks apart by some seconds, by minutes: a warning, an error', async (t) => {
  t.match(await findings('clock'), [{ level: 'ok' }])
  await app.moveTime(20)
  t.match(await findings('clock'), [{ level: 'warn', says: /20 seconds ahead/ }])
  await app.moveTime(-600)
  t.match(await findings('clock'), [{ level: 'error', says: /10 minutes behind/ }])
  await app.moveTime(0)
})

void t.test('a database that answers before it is safe: an error', async (t) => {
  const name = new URL(app.databaseUrl).pathname.slice(1)
  await app.sql(`ALTER DATABASE ${name} SET synchronous_commit = off`)
  const found = await findings('durability')
  t.ok(found.some(({ level, says }) => level === 'error' && /^synchronous_commit/.test(says)))
  t.ok(found.some(({ level, says }) => level === 'note' && /standby/.test(says)))
  await app.sql(`ALTER DATABASE ${name} RESET synchronous_commit`)
})

void t.test('connections of Postgres, as many as it has or fewer: fine, a warning', async (t) => {
  t.match(await findings('connections', { DATABASE_POOL_SIZE: '2' }), [{ level: 'ok' }])
  const { look } = DATABASE.find(({ name }) => name === 'connections')!
  const config = readConfig({ DATABASE_POOL_SIZE: '20' })
  for (const [connections, level] of [
    [75, 'ok'],
    [76, 'warn']
  ] as const) {
    const server = () => Promise.resolve({ maxConnections: 100, connections })
    t.match(await look({ config, facts: { server } } as unknown as DatabaseSubject), [{ level }])
  }
})

void t.test(
  'standbys that are named and not there, commits that do not wait: warnings',
  async (t) => {
    const { look } = DATABASE.find(({ name }) => name === 'durability')!
    const server = () =>
      Promise.resolve({ fsync: 'on', standbys: 'b', inSync: 0, synchronousCommit: 'local' })
    const found = await look({ facts: { server } } as unknown as DatabaseSubject)
    t.match(found, [
      { level: 'error', says: /is local/ },
      { level: 'error', says: /No synchronous standby/ }
    ])
  }
)
