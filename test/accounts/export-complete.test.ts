import { randomUUID } from 'node:crypto'
import t from 'tap'
import { ACTS } from '../../src/audit/acts.ts'
import { AUDIT_EVENTS } from '../../src/audit/events.ts'
import { Value } from 'typebox/value'
import { ExportAnswer } from '../../src/accounts/export-schema.ts'
import { UserBody } from '../../src/http/schemas.ts'
import { startApp } from '../support/app.ts'
import { givenSession, givenUser, mailTo } from '../support/builders.ts'
import { givenAdmin } from '../support/oauth.ts'

const app = await startApp(t)
const MARK = `mark-${randomUUID()}`
const HASH = 'uuid_send(gen_random_uuid())'
const TIMES = "latchkey_now(), latchkey_now() + interval '1 hour'"

/** A column that points at a person: the field of the export that tells its rows, and a row to be told. */
type Told = { field: string; insert?: string }

const TOLD: Record<string, Told> = {
  'session.user_id': {
    field: 'sessions',
    insert: `INSERT INTO session (id, user_id, client_id, secret_hash, rotated_at, last_used_at, created_at,
                                  expires_at, idle_expires_at, scope, auth_time, amr, delivery, audience, dpop_jkt)
      SELECT gen_random_uuid(), $1, $2, '', n, n, n, n, n, 'openid', n, '{pwd}', 'cookie', '{https://a.example}', 'jkt'
        FROM latchkey_now() AS n`
  },
  'audit_event.user_id': {
    field: 'events',
    insert: `INSERT INTO audit_event (id, at, type, user_id, client_id)
      VALUES (gen_random_uuid(), latchkey_now(), 'grant.begun', $1, $2)`
  },
  'audit_event.actor_id': {
    field: 'acts',
    insert: `INSERT INTO audit_event (id, at, type, user_id, actor_id, client_id)
      VALUES (gen_random_uuid(), latchkey_now(), 'client.changed', NULL, $1, $2)`
  },
  'username.holder_id': {
    field: 'usernames',
    insert: `INSERT INTO username (username, holder_id, expires_at) VALUES ($2, $1, latchkey_now() + interval '1 hour')`
  },
  'known_device.user_id': { field: 'devices' },
  'reserved_email.user_id': { field: 'formerAddresses' },
  'one_time_token.user_id': { field: 'mailTokens' },
  'consent.user_id': {
    field: 'consents',
    insert: `WITH made AS (INSERT INTO client (id, name, auth_method, grant_types, scopes, created_at, updated_at)
                           VALUES ($2, 'Shop', 'none', '{}', '{}', latchkey_now(), latchkey_now()) RETURNING id)
      INSERT INTO consent (user_id, client_id, scopes, created_at, updated_at)
      SELECT $1, id, '{openid}', ${TIMES} FROM made`
  },
  'outbox_message.user_id': { field: 'mails' },
  'authorization_request.consented_by': {
    field: 'authorizationRequests',
    insert: `INSERT INTO authorization_request (id_hash, client_id, is_pushed, parameters_sealed, consented_by, created_at, expires_at)
      SELECT ${HASH}, $2, false, '', $1, ${TIMES}`
  },
  'authorization_code.user_id': {
    field: 'authorizationCodes',
    insert: `INSERT INTO authorization_code (code_hash, user_id, client_id, parent_id, scope, auth_time, created_at, expires_at)
      SELECT ${HASH}, $1, $2, gen_random_uuid(), 'openid', latchkey_now(), ${TIMES}`
  },
  'device_authorization.user_id': {
    field: 'deviceAuthorizations',
    insert: `INSERT INTO device_authorization (device_code_hash, user_code_hash, user_id, client_id, scope, interval_seconds, created_at, expires_at)
      SELECT ${HASH}, ${HASH}, $1, $2, 'openid', 5, ${TIMES}`
  }
}

/** A column that holds an id, and why no export needs it. */
const NOT_TOLD: Record<string, string> = {
  'audit_key.user_id': 'a key and nothing else: it opens the addresses that the events tell',
  'audit_event.session_id': 'part of an event that is told',
  'audit_sealed_event.event_id': 'an event',
  'authorization_code.parent_id': 'a session that is told',
  'authorization_code.session_id': 'part of a code that is told',
  'client.initial_access_token_id':
    'a token for registering clients: nobody in particular holds it',
  'device_authorization.parent_id': 'a session that is told',
  'device_authorization.session_id': 'part of an authorization that is told',
  'one_time_token.registration_id': 'a registration: nobody knows yet whose',
  'session.parent_id': 'part of a session that is told',
  'webhook_delivery.endpoint_id': 'a webhook',
  'webhook_delivery.event_id': 'an event',
  'work_lease.holder': 'a server'
}

async function exportOf(accessToken: string) {
  return (await app.get('/users/export', accessToken)).json()
}

void t.test(
  'every column that could point at a person: told, or listed with a reason',
  async (t) => {
    const columns = await app.sql<{ name: string }>(
      `SELECT c.relname || '.' || a.attname AS name
       FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
      WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
        AND a.attnum > 0 AND NOT a.attisdropped AND a.attname <> 'id'
        AND (a.atttypid = 'uuid'::regtype OR a.attname ~ '(user|actor|holder|owner|person)_id$')`
    )
    t.strictSame(
      columns.map(({ name }) => name).sort(),
      [...Object.keys(TOLD), ...Object.keys(NOT_TOLD)].sort()
    )
  }
)

void t.test(
  'an export: holds the row of every such column, and none of anybody else',
  async (t) => {
    const { user, accessToken } = await givenSession(app)
    const other = await givenSession(app)
    const before = await exportOf(accessToken)
    for (const [column, { field, insert }] of Object.entries(TOLD)) {
      if (insert === undefined) continue
      await app.sql(insert, [user.id, `${MARK}-${field}`])
      const [told] = (await exportOf(accessToken))[field].slice(0, 1)
      t.notOk(JSON.stringify(before[field]).includes(MARK), `${column}: not there before`)
      t.match(JSON.stringify((await exportOf(accessToken))[field]), `${MARK}-${field}`, column)
      t.type(told, 'object')
    }
    const full = await exportOf(accessToken)
    t.strictSame(Value.Errors({ User: UserBody }, ExportAnswer, full), [], 'as the document says')
    t.notMatch(JSON.stringify(await exportOf(other.accessToken)), MARK)
  }
)

void t.test(
  'a session, exported: what it may do, for whom, how it was proven, and until when',
  async (t) => {
    const { user, accessToken } = await givenSession(app)
    await app.sql(TOLD['session.user_id']!.insert!, [user.id, 'shop'])
    const { sessions } = await exportOf(accessToken)
    const shop = sessions.find(({ clientId }: { clientId: string }) => clientId === 'shop')
    t.match(shop, {
      clientId: 'shop',
      scope: 'openid',
      amr: ['pwd'],
      delivery: 'cookie',
      audience: ['https://a.example'],
      dpopJkt: 'jkt',
      authTime: /Z$/,
      expiresAt: /Z$/,
      idleExpiresAt: /Z$/
    })
  }
)

void t.test(
  'an account, exported: its dates, known browsers, and mails that can still be used',
  async (t) => {
    const user = await givenUser(app)
    const { email, password } = user
    const page = { 'sec-fetch-site': 'same-origin' }
    const login = await app.post('/auth/login', { email, password }, page)
    await app.post('/auth/forgot-password', { email })
    const accessToken = login.json().access_token as string
    await mailTo(app, email, /Reset/)
    const data = await exportOf(accessToken)
    t.match(data.account, { emailVerifiedAt: /Z$/, updatedAt: /Z$/, mustReset: false })
    t.match(data.devices, [{ createdAt: /Z$/, expiresAt: /Z$/ }])
    t.match(data.mails.at(-1), { createdAt: /Z$/, expiresAt: /Z$/ })
    t.match(data.mailTokens, [
      { purpose: 'reset_password', since: /Z$/, until: /Z$/, spentAt: null }
    ])
    const rows = await app.sql('SELECT * FROM one_time_token WHERE user_id = $1', [user.id])
    const secrets = rows.flatMap((row) =>
      Object.values(row).filter((value) => Buffer.isBuffer(value))
    )
    for (const secret of secrets) {
      for (const encoding of ['hex', 'base64', 'base64url'] as const) {
        t.notOk(JSON.stringify(data).includes(secret.toString(encoding)), 'no secret, and no hash')
      }
    }
  }
)

void t.test(
  'what an administrator did, in their own export: with the address they had',
  async (t) => {
    const admin = await givenAdmin(app)
    const victim = await givenSession(app)
    const headers = { authorization: `Bearer ${admin}` }
    await app.post(`/admin/users/${victim.user.id}/unlock`, undefined, headers)
    const { acts } = await exportOf(admin)
    t.match(acts, [{ type: 'account.unlocked', userId: victim.user.id, address: '127.0.0.1' }])
    const { events } = await exportOf(victim.accessToken)
    const unlocked = events.find(({ type }: { type: string }) => type === 'account.unlocked')
    t.equal(unlocked.address, null, 'from where it was done is the other one’s')
  }
)

void t.test('acts of an administrator, listed: every event that is one by its own words', (t) => {
  const byWord = Object.entries(AUDIT_EVENTS)
    .filter(
      ([, words]) => /administrator/.test(words) && !/administrator, or by dynamic/.test(words)
    )
    .map(([type]) => type)
  for (const type of byWord) t.ok((ACTS as readonly string[]).includes(type), type)
  t.end()
})
