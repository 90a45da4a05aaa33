import { existsSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { examine } from '../../src/ops/doctor/examine.ts'
import { startApp } from '../support/app.ts'
import { openTrail } from '../support/audit-trail.ts'
import { givenUser } from '../support/builders.ts'
import { findingsIn } from '../support/doctor.ts'
import { openKeyRoom } from '../support/key-room.ts'
import { openDatabase } from '../support/raw-database.ts'

const app = await startApp(t)
const findings = findingsIn(app.env)

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

void t.test('no key that signs: an error', async (t) => {
  const other = await startApp(t)
  const { sql } = await openDatabase(t, other.databaseUrl)
  // A server would mend it.
  await other.close()
  await sql('UPDATE signing_key SET retiring_at = now(), gone_at = now()')
  t.match(await findingsIn(other.env)('signing keys'), [
    { level: 'error', says: 'No key of RS256 is active: nobody can log in.' }
  ])
})

void t.test('the timeline of the signing keys: young, whole, late, far too late', async (t) => {
  const other = await startApp(t)
  const { sql, moveTime } = await openDatabase(t, other.databaseUrl)
  const look = (env: Record<string, string> = {}) => findingsIn(other.env)('signing keys', env)
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
  t.match(await findingsIn(other.env)('audit trail'), [
    { level: 'error', says: `gone: ${gone}` },
    { level: 'error', says: `changed: ${changed}` }
  ])

  await trail.sql(
    `INSERT INTO audit_event_default (id, at, type) VALUES (gen_random_uuid(), now(), 'x')`
  )
  await trail.sql(`CREATE OR REPLACE FUNCTION latchkey_now() RETURNS timestamptz LANGUAGE sql STABLE
                   AS $$ SELECT now() + interval '95 days' $$`)
  t.match(await findingsIn(other.env)('audit months'), [
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
