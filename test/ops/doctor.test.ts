import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import t from 'tap'
import { readConfig } from '../../src/config.ts'
import { DATABASE, type DatabaseSubject } from '../../src/ops/doctor/database.ts'
import { examine } from '../../src/ops/doctor/examine.ts'
import { startApp, type TestApp } from '../support/app.ts'
import { openTrail } from '../support/audit-trail.ts'
import { givenUser } from '../support/builders.ts'
import { createEmptyDatabase } from '../support/database.ts'
import { openKeyRoom } from '../support/key-room.ts'
import { openDatabase } from '../support/raw-database.ts'
import { startOtlpReceiver } from '../support/otlp-receiver.ts'
import { startRedis } from '../support/redis.ts'
import { startSmtpSink } from '../support/smtp-sink.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const app = await startApp(t)

/** What the doctor finds of one kind, with this environment on top of the app's. */
async function findings(check: string, env: Record<string, string> = {}, of: TestApp = app) {
  const all = await examine({ ...of.env, ...env })
  return all.filter((finding) => finding.check === check)
}

function doctor(env: Record<string, string>, ...args: string[]) {
  return spawnSync(process.execPath, ['scripts/doctor.ts', ...args], {
    cwd: ROOT,
    env: { PATH: process.env['PATH'] ?? '', ...env },
    encoding: 'utf8'
  })
}

void t.test('settings that are wrong: all named at once, no value, and 1', (t) => {
  const { status, stdout } = doctor({ NODE_ENV: 'production', PORT: 'c4nary', HOST: '0.0.0.0' })
  t.equal(status, 1)
  for (const name of ['PORT', 'DATABASE_URL', 'REDIS_URL', 'SMTP_URL', 'KEY_ENCRYPTION_KEY']) {
    t.match(stdout, new RegExp(`^error {2}settings {2}${name} `, 'm'))
  }
  t.notMatch(stdout, 'c4nary')
  t.end()
})

void t.test(
  'a Postgres that is away or refuses: said without its URL, the rest is looked at',
  async (t) => {
    const away = { DATABASE_URL: 'postgresql://someone:s3cret@127.0.0.1:1/place' }
    const { status, stdout } = doctor({ ...app.env, ...away })
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

void t.test('a healthy installation, then a head that the chain lacks: 0, then 1', async (t) => {
  const healthy = await examine(app.env)
  // The tests' own Postgres gives up crash safety, and says so.
  const bad = healthy.filter(({ level }) => level === 'error' || level === 'warn')
  t.strictSame([...new Set(bad.map(({ check }) => check))], ['durability'])
  t.match(bad[0]?.says, /^fsync is off/)
  const checks = [
    'settings',
    'postgres',
    'durability',
    'connections',
    'migrations',
    'clock',
    'keys'
  ]
  const holdings = ['signing keys', 'audit trail', 'audit months', 'outbox', 'webhooks', 'purge']
  const more = [...holdings, 'passwords', 'redis', 'smtp', 'seeing', 'password hash']
  t.strictSame([...new Set(healthy.map(({ check }) => check))], [...checks, ...more])
  t.ok(healthy.every(({ level, todo }) => (level === 'ok') === (todo === undefined)))

  const trail = await openTrail(t, app.env)
  await trail.write({})
  while ((await trail.sealNext()) !== null);
  const { head } = await trail.check()
  const known = await examine(app.env, { head: Buffer.from(head!, 'hex') })
  t.match(
    known.find(({ check }) => check === 'audit trail'),
    { level: 'ok', says: head! }
  )
  const lost = await examine(app.env, { head: Buffer.alloc(32, 7) })
  t.match(
    lost.find(({ check }) => check === 'audit trail'),
    { level: 'error' }
  )
})

void t.test('arguments that make no sense: a sentence and 1', (t) => {
  t.match(doctor(app.env, '--since', 'yesterday'), { status: 1, stderr: /^--since takes a date/ })
  t.match(doctor(app.env, '--head', 'abc'), { status: 1, stderr: /^--head takes the 64/ })
  t.match(doctor(app.env, '--nonsense'), { status: 1, stderr: /--nonsense/ })
  t.end()
})

void t.test(
  'a key-encryption key that is another or missing: said, and none is made',
  async (t) => {
    const another = { KEY_ENCRYPTION_KEY: 'ab'.repeat(32) }
    t.match(await findings('keys', another), [
      { level: 'error', says: /does not open 8 data keys of 8/ }
    ])
    t.match((await findings('signing keys', another))[0], {
      level: 'error',
      says: /cannot be opened/
    })
    t.match(await findings('audit trail', another), [{ level: 'error' }])
    const keysDir = join(t.testdir({}), 'keys')
    const missing = { KEY_ENCRYPTION_KEY: '', KEYS_DIR: keysDir }
    t.match(await findings('keys', missing), [
      { level: 'error', says: /^There is no key-encryption key/ }
    ])
    t.notOk(existsSync(keysDir))
  }
)

void t.test('migrations that are not applied: named, and still not applied', async (t) => {
  const { url } = await createEmptyDatabase(t)
  const found = await findings('migrations', { DATABASE_URL: url })
  t.match(found, [{ level: 'warn', says: /not applied, from 2026/ }, { level: 'note' }])
  const production = {
    DATABASE_URL: url,
    NODE_ENV: 'production',
    ISSUER: 'https://id.example.com',
    REDIS_URL: 'redis://127.0.0.1:1',
    SMTP_URL: 'smtp://127.0.0.1:1'
  }
  t.match((await findings('migrations', production))[0], { level: 'error' })
})

void t.test('Redis: well, evicting, stopped', async (t) => {
  const redis = await startRedis(t)
  const env = { REDIS_URL: redis.url }
  t.match(await findings('redis', env), [{ level: 'ok' }])
  const client = new Redis(redis.port, '127.0.0.1')
  await client.config('SET', 'maxmemory-policy', 'allkeys-lru')
  t.match(await findings('redis', env), [{ level: 'ok' }], 'without a limit nothing is evicted')
  await client.config('SET', 'maxmemory', '50mb')
  t.match(await findings('redis', env), [{ level: 'warn', says: /allkeys-lru/ }])
  await client.config('SET', 'requirepass', 'c4nary')
  t.match(await findings('redis', env), [{ level: 'error', says: /NOAUTH/ }])
  client.disconnect()
  await redis.kill()
  t.match(await findings('redis', env), [{ level: 'error', says: /ECONNREFUSED/ }])
})

void t.test('the mail server: there without a mail, then gone', async (t) => {
  const sink = await startSmtpSink(t)
  const env = { SMTP_URL: sink.url }
  t.match(await findings('smtp', env), [{ level: 'ok' }])
  t.strictSame(sink.messages, [])
  await sink.down()
  t.match(await findings('smtp', env), [
    { level: 'error', says: /\(E(SOCKET|CONNECTION|CONNREFUSED)\)/ }
  ])
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

void t.test('mail that waits or was parked, and foreign hashes: counted', async (t) => {
  const { id } = await givenUser(app)
  t.match(await findings('passwords'), [{ level: 'ok' }])
  await app.sql(`UPDATE users SET password_hash = '$2b$10$abc' WHERE id = $1`, [id])
  t.match(await findings('passwords'), [{ level: 'note', says: '1 password still' }])
  t.match(await findings('outbox'), [{ level: 'ok' }])
  const insert = `INSERT INTO outbox_message
    (id, kind, created_at, next_attempt_at, expires_at, parked_at, last_error) VALUES
    (gen_random_uuid(), 'mail', now() - interval '3 hours', now() + interval '1 hour',
     now() + interval '1 day', $1, 'SMTP 451')`
  await app.sql(insert, [null])
  const late = await findings('outbox')
  t.match(late, [
    { level: 'warn', says: '1 message unsent, the oldest for 3 hours, last answer SMTP 451.' }
  ])
  await app.sql('UPDATE outbox_message SET parked_at = now() WHERE sent_at IS NULL')
  t.match(await findings('outbox'), [{ level: 'warn', says: /^1 message expired unsent/ }])
})

void t.test(
  'webhooks that wait or were given up, rows that nobody deletes: counted, named',
  async (t) => {
    t.match(await findings('webhooks'), [{ level: 'ok' }])
    await app.sql(`INSERT INTO webhook_endpoint
    (id, url_sealed, secret_sealed, events, enabled, created_at, updated_at)
    VALUES (gen_random_uuid(), '', '', '{}', false, now(), now())`)
    await app.sql(`INSERT INTO webhook_delivery
    (endpoint_id, event_id, created_at, next_attempt_at, last_error)
    SELECT id, gen_random_uuid(), now() - interval '3 hours', now() + interval '1 hour', 'HTTP 500'
      FROM webhook_endpoint`)
    t.match(await findings('webhooks'), [
      {
        level: 'warn',
        says: '1 webhook delivery waiting, the oldest for 3 hours, last answer HTTP 500.'
      }
    ])
    await app.sql('UPDATE webhook_delivery SET parked_at = now()')
    t.match(await findings('webhooks'), [{ level: 'warn', says: /^1 webhook delivery given up/ }])

    t.match(await findings('purge'), [{ level: 'ok' }])
    await app.sql(`INSERT INTO spent_jti (hash, expires_at) VALUES ('', now() - interval '3 days')`)
    t.match(await findings('purge'), [{ level: 'warn', says: /: spent_jti\.$/ }])
    await app.sql('DELETE FROM spent_jti')
  }
)

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

void t.test('nobody who would be told: a note; a collector that is away: a warning', async (t) => {
  t.match(await findings('seeing'), [{ level: 'ok' }])
  const away = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1' }
  t.match(await findings('seeing', away), [{ level: 'warn' }])
  const { url } = await startOtlpReceiver(t)
  t.match(await findings('seeing', { OTEL_EXPORTER_OTLP_ENDPOINT: url }), [{ level: 'ok' }])
  const production = {
    NODE_ENV: 'production',
    ISSUER: 'https://id.example.com',
    REDIS_URL: 'redis://127.0.0.1:1',
    SMTP_URL: 'smtp://127.0.0.1:1'
  }
  t.match(await findings('seeing', production), [{ level: 'note' }])
  const seen = { ...production, METRICS_TOKEN: 'a-token-for-metrics-only' }
  t.match(await findings('seeing', seen), [{ level: 'ok' }])
})

void t.test('no key that signs: an error', async (t) => {
  const other = await startApp(t)
  const { sql } = await openDatabase(t, other.databaseUrl)
  // A server would mend it.
  await other.close()
  await sql('UPDATE signing_key SET retiring_at = now(), gone_at = now()')
  t.match(await findings('signing keys', {}, other), [
    { level: 'error', says: 'No key of RS256 is active: nobody can log in.' }
  ])
})

void t.test('the timeline of the signing keys: young, whole, late, far too late', async (t) => {
  const other = await startApp(t)
  const { sql, moveTime } = await openDatabase(t, other.databaseUrl)
  const look = (env: Record<string, string> = {}) => findings('signing keys', env, other)
  const { advance } = await openKeyRoom(t, other)
  await other.close()
  const day = 86_400
  t.match(await look(), [
    { level: 'ok', says: /\(RS256\) signs since/ },
    { level: 'ok', says: /\(RS256\) signs from/ }
  ])
  const off = { SIGNING_KEY_ROTATION_DAYS: '0' }
  t.match(await look(off), [
    { level: 'ok' },
    { level: 'ok', says: /stands in reserve/ },
    { level: 'note', says: /^SIGNING_KEY_ROTATION_DAYS is 0/ }
  ])
  await moveTime(90.5 * day)
  t.match(await look(), [{ level: 'ok' }, { level: 'ok' }], 'a few hours late is nothing yet')
  await moveTime(92 * day)
  t.match(await look(), [{ level: 'ok' }, { level: 'warn', says: /^The rotation of RS256 is due/ }])
  await moveTime(181 * day)
  t.match(await look(), [{ level: 'error', says: /more than twice/ }, { level: 'warn' }])
  t.match(await look(off), [{ level: 'ok' }, { level: 'ok' }, { level: 'note' }])
  t.match(await advance(), [{ kind: 'rotated' }])
  t.match(await look(), [{ level: 'ok' }, { level: 'ok' }], 'and once it was done')
  await sql(`DELETE FROM signing_key WHERE active_at > '9999-01-01'`)
  t.match(await look(), [{ level: 'ok' }, { level: 'warn', says: 'No key of RS256 stands in' }])
  await sql(`INSERT INTO client (id, name, auth_method, grant_types, scopes, id_token_alg, created_at, updated_at)
             VALUES ('shop', 'Shop', 'none', '{}', '{}', 'ES256', now(), now())`)
  t.match((await look()).at(-1), { level: 'warn', says: '1 client chose ES256' })
  const two = { SIGNING_ALGORITHMS: 'RS256 ES256' }
  t.match((await look(two)).at(-1), { level: 'error', says: 'No key of ES256 is active.' })
})

void t.test('an audit trail that somebody was at, or that nobody seals: named', async (t) => {
  const other = await startApp(t)
  const trail = await openTrail(t, other.env)
  await trail.write({}, {}, {})
  while ((await trail.sealNext()) !== null);
  const [gone, changed] = await trail.ids()
  await trail.sql('DELETE FROM audit_event WHERE id = $1', [gone])
  await trail.sql(`UPDATE audit_event SET type = 'x' WHERE id = $1`, [changed])
  t.match(await findings('audit trail', {}, other), [
    { level: 'error', says: `gone: ${gone}` },
    { level: 'error', says: `changed: ${changed}` }
  ])

  await trail.sql(
    `INSERT INTO audit_event_default (id, at, type) VALUES (gen_random_uuid(), now(), 'x')`
  )
  await trail.sql(`CREATE OR REPLACE FUNCTION latchkey_now() RETURNS timestamptz LANGUAGE sql STABLE
                   AS $$ SELECT now() + interval '95 days' $$`)
  t.match(await findings('audit months', {}, other), [
    { level: 'warn', says: 'The next month of the audit trail has no partition' },
    { level: 'note', says: '1 audit event in the default partition' }
  ])

  const lonely = await openTrail(t, (await startApp(t)).env)
  await lonely.write({})
  await lonely.sql(`CREATE OR REPLACE FUNCTION latchkey_now() RETURNS timestamptz LANGUAGE sql STABLE
                    AS $$ SELECT now() + interval '6 minutes' $$`)
  const waiting = await examine(lonely.env)
  t.match(
    waiting.find(({ check }) => check === 'audit trail'),
    {
      level: 'warn',
      says: /^1 event not sealed yet/
    }
  )
})
