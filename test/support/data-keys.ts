import { randomBytes, randomUUID } from 'node:crypto'
import type { Test } from 'tap'
import { createAudit } from '../../src/audit/record.ts'
import { readConfig } from '../../src/config.ts'
import { openDataKeyRoom } from '../../src/ops/data-keys/room.ts'
import type { SealedColumn } from '../../src/ops/data-keys/sealed-columns.ts'
import { openPlatform } from '../../src/platform/open-platform.ts'
import type { TestApp } from './app.ts'

/** What an operator has beside a running app: its keys, and the means to rotate them. */
export async function openOperator(
  t: Test,
  { env, databaseUrl }: Pick<TestApp, 'env' | 'databaseUrl'>
) {
  const config = readConfig(env)
  const platform = await openPlatform({ ...config, databaseUrl }, () => undefined)
  t.teardown(platform.close)
  return { platform, ...openDataKeyRoom(platform, config, createAudit(platform)) }
}

export type Operator = Awaited<ReturnType<typeof openOperator>>

const SOMEBODY = '(SELECT id FROM users LIMIT 1)'
const RANDOM = 'uuid_send(gen_random_uuid())'
const LIFE = { created_at: 'now()', expires_at: 'now()' }

/** What a row needs beside its key and its sealed value, in SQL. Nobody comes upon it: it has expired or is parked. */
const REST: Record<string, Record<string, string>> = {
  signing_key: {
    alg: `'RS256'`,
    public_jwk: `'{}'`,
    announced_at: 'now()',
    active_at: 'now()',
    retiring_at: 'now()',
    gone_at: 'now()'
  },
  registration: { email_index: RANDOM, email_index_next: RANDOM, password_hash: `''`, ...LIFE },
  one_time_token: {
    purpose: `'change_email'`,
    token_hash: RANDOM,
    email_index: `''`,
    spent_at: 'now()',
    ...LIFE
  },
  reserved_email: { user_id: SOMEBODY, email_index_next: RANDOM, expires_at: 'now()' },
  authorization_request: { client_id: `'shop'`, is_pushed: 'false', ...LIFE },
  outbox_message: {
    kind: `'mail'`,
    next_attempt_at: `now() + interval '1 year'`,
    parked_at: 'now()',
    created_at: 'now()',
    expires_at: `now() + interval '1 year'`
  },
  webhook_endpoint: {
    url_sealed: `''`,
    secret_sealed: `''`,
    events: `'{}'`,
    enabled: 'false',
    created_at: 'now()',
    updated_at: 'now()'
  },
  users: {
    email_index: RANDOM,
    email_index_next: RANDOM,
    roles: `'{}'`,
    created_at: 'now()',
    updated_at: 'now()'
  },
  session: {
    user_id: SOMEBODY,
    client_id: `'latchkey'`,
    secret_hash: `''`,
    rotated_at: 'now()',
    last_used_at: 'now()',
    idle_expires_at: 'now()',
    scope: `''`,
    auth_time: 'now()',
    ...LIFE
  },
  audit_key: {}
}

/** A row with a text of its own sealed in a column, and a look at whether it is there still. */
export async function plantSealed(app: TestApp, { platform }: Operator, place: SealedColumn) {
  const { table, column, key, keyType, purpose } = place
  const bytes = randomBytes(32)
  const row = keyType === 'bytea' ? bytes.toString('hex') : randomUUID()
  const text = `${table}.${column} of ${row}`
  const at = { table, column, row }
  const value = keyType === 'bytea' ? bytes : row
  const sealed = Buffer.from(platform.sealer.sealBytes(purpose, Buffer.from(text), at))
  const hasAddress = table === 'users' || table === 'registration'
  const columns = {
    ...REST[table],
    ...(hasAddress && { email_sealed: `''` }),
    [key]: '$1',
    [column]: '$2'
  }
  await app.sql(
    `INSERT INTO ${table} (${Object.keys(columns).join()}) VALUES (${Object.values(columns).join()})`,
    [value, sealed]
  )

  /** @returns the id of the key that it is sealed with now; throws unless it opens to the same text */
  async function keyId(): Promise<string> {
    const sql = `SELECT ${column} AS sealed FROM ${table} WHERE ${key} = $1`
    const [found] = await app.sql<{ sealed: Buffer }>(sql, [value])
    const opened = platform.sealer.openBytes(purpose, found!.sealed, at).toString()
    if (opened !== text) throw new Error(`${text}: ${opened}`)
    return found!.sealed.toString('hex', 1, 5)
  }

  return { name: `${table}.${column}`, purpose, keyId }
}

/** The ids of the data keys that Postgres holds, by purpose, the oldest first. */
export async function keyIds({ sql }: Pick<TestApp, 'sql'>): Promise<Record<string, string[]>> {
  const rows = await sql<{ purpose: string; ids: string[] }>(
    `SELECT purpose, array_agg(id::text ORDER BY active_at) AS ids FROM data_key GROUP BY purpose`
  )
  return Object.fromEntries(rows.map(({ purpose, ids }) => [purpose, ids]))
}
