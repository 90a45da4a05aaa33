import type { DataKeys, KeyPurpose } from '../../platform/keys/data-keys.ts'
import type { Postgres } from '../../platform/postgres.ts'
import { ADDRESS_TABLES, LEFT_BY } from './address-columns.ts'
import { SEALED_COLUMNS, type SealedColumn } from './sealed-columns.ts'

/** Rows of a table that still need a key that is not the active one. `keyId` null: whichever of the older ones. */
export type RowsLeft = {
  purpose: KeyPurpose
  keyId: string | null
  what: string
  rows: number
  /** Why they stay. */
  keeps?: string
}

export type RowsLeftStore = ReturnType<typeof createRowsLeftStore>

export type RowsLeftStoreDeps = { postgres: Postgres; dataKeys: Pick<DataKeys, 'all' | 'activeAt'> }

/** A server whose clock or transaction was a little late may have used the older key until then. */
export const LATE_SECONDS = 60

/** What hashes and MACs made before a time are still of use, by the life of each. */
const MADE_BEFORE: Partial<Record<KeyPurpose, { what: string; sql: string }[]>> = {
  refresh_mac: [
    {
      what: 'session (its refresh tokens)',
      sql: `FROM session WHERE created_at < $1 AND revoked_at IS NULL AND expires_at > latchkey_now()
              AND delivery <> 'browser'`
    }
  ],
  typed_code: [
    {
      what: 'one_time_token.code_hash',
      sql: `FROM one_time_token WHERE created_at < $1 AND code_hash IS NOT NULL AND spent_at IS NULL
              AND expires_at > latchkey_now()`
    },
    {
      what: 'device_authorization.user_code_hash',
      sql: `FROM device_authorization WHERE created_at < $1 AND expires_at > latchkey_now()`
    }
  ],
  device: [
    {
      what: 'known_device (its cookie)',
      sql: `FROM known_device WHERE created_at < $1 AND expires_at > latchkey_now()`
    }
  ]
}

/** Counts what is still under older data keys. It reads whole tables, and only while there is an older key. */
export function createRowsLeftStore({ postgres, dataKeys }: RowsLeftStoreDeps) {
  /** For `keys -- list`, the doctor and metrics. */
  async function countRowsLeft(now: Date): Promise<RowsLeft[]> {
    const counted: RowsLeft[] = []
    for (const place of SEALED_COLUMNS) {
      if (olderKeys(place.purpose, now).length > 0) counted.push(...(await countSealed(place, now)))
    }
    counted.push(...(await countAddresses(now)))
    for (const purpose of Object.keys(MADE_BEFORE) as KeyPurpose[]) {
      counted.push(...(await countMadeBefore(purpose, now)))
    }
    if (olderKeys('audit', now).length > 0) counted.push(...(await countSeals(now)))
    return counted.filter(({ rows }) => rows > 0)
  }

  /** The keys of a purpose from before the active one. */
  function olderKeys(purpose: KeyPurpose, now: Date) {
    const active = dataKeys.activeAt(purpose, now)
    return dataKeys.all().filter((key) => key.purpose === purpose && key.activeAt < active.activeAt)
  }

  async function countSealed(place: SealedColumn, now: Date): Promise<RowsLeft[]> {
    const { table, column, purpose, keeps } = place
    const ids = olderKeys(purpose, now).map(({ id }) => id)
    const rows = await count<{ keyId: string; rows: number }>(
      `sealed_${table}_${column}`,
      `SELECT encode(substring(${column} FROM 2 FOR 4), 'hex') AS "keyId", count(*)::float8 AS rows
         FROM ${table} WHERE encode(substring(${column} FROM 2 FOR 4), 'hex') = ANY ($1) GROUP BY 1`,
      [ids]
    )
    const what = `${table}.${column}`
    return rows.map((row) => ({ ...row, purpose, what, ...(keeps !== undefined && { keeps }) }))
  }

  async function countAddresses(now: Date): Promise<RowsLeft[]> {
    const [older] = olderKeys('blind_index', now)
    const { readsAt, leadsAt } = dataKeys.activeAt('blind_index', now)
    const step = readsAt === null ? 'fill' : leadsAt === null ? null : 'lead'
    if (older === undefined || step === null) return []
    const counted: RowsLeft[] = []
    for (const { table } of ADDRESS_TABLES) {
      const sql = `SELECT count(*)::float8 AS rows FROM ${table} t WHERE ${LEFT_BY[step]}`
      const [row] = await count<{ rows: number }>(`addresses_${step}_${table}`, sql, [])
      const what = `${table}.email_index`
      counted.push({ purpose: 'blind_index', keyId: older.id, what, rows: row?.rows ?? 0 })
    }
    return counted
  }

  async function countMadeBefore(purpose: KeyPurpose, now: Date): Promise<RowsLeft[]> {
    if (olderKeys(purpose, now).length === 0) return []
    const counted: RowsLeft[] = []
    for (const { what, sql } of MADE_BEFORE[purpose] ?? []) {
      const text = `SELECT count(*)::float8 AS rows ${sql}`
      const [row] = await count<{ rows: number }>(`made_${what}`, text, [takenOver(purpose, now)])
      counted.push({ purpose, keyId: null, what, rows: row?.rows ?? 0 })
    }
    return counted
  }

  /** The chain is checked with the key that each seal names: it stays as long as the trail. */
  async function countSeals(now: Date): Promise<RowsLeft[]> {
    const rows = await count<{ keyId: string; rows: number }>(
      'seals',
      `SELECT key_id AS "keyId", count(*)::float8 AS rows FROM audit_seal WHERE key_id = ANY ($1::char(8)[]) GROUP BY 1`,
      [olderKeys('audit', now).map(({ id }) => id)]
    )
    const keeps = 'the check of the chain needs the key of every seal'
    return rows.map((row) => ({ ...row, purpose: 'audit', what: 'audit_seal.hash', keeps }))
  }

  /** Whether anything made with an older key may still be shown. */
  async function isAnyOfUse(purpose: KeyPurpose, now: Date): Promise<boolean> {
    for (const { what, sql } of MADE_BEFORE[purpose] ?? []) {
      const text = `SELECT EXISTS (SELECT ${sql}) AS "isLeft"`
      const before = takenOver(purpose, now)
      const [row] = await count<{ isLeft: boolean }>(`any_${what}`, text, [before])
      if (row?.isLeft === true) return true
    }
    return false
  }

  const takenOver = (purpose: KeyPurpose, now: Date) =>
    new Date(dataKeys.activeAt(purpose, now).activeAt.getTime() + LATE_SECONDS * 1_000)

  function count<Row extends object>(name: string, text: string, values: unknown[]) {
    return postgres.query<Row & Record<string, unknown>>({ name: `left_${name}`, text }, values)
  }

  /** The time by Postgres' own clock, which no test moves. */
  async function realNow(): Promise<Date> {
    const text = 'SELECT clock_timestamp() AS now'
    const [row] = await count<{ now: Date }>('now', text, [])
    if (row === undefined) throw new Error('A clock gives one row.')
    return row.now
  }

  /** Whether every transaction that had begun by then has ended, a server's that hangs in one too. */
  async function haveAllEndedSince(since: Date): Promise<boolean> {
    const [row] = await count<{ areOpen: boolean }>(
      'open',
      `SELECT EXISTS (SELECT FROM pg_stat_activity
         WHERE datname = current_database() AND backend_type = 'client backend'
           AND pid <> pg_backend_pid() AND xact_start <= $1) AS "areOpen"`,
      [since]
    )
    return row?.areOpen === false
  }

  return { countRowsLeft, olderKeys, isAnyOfUse, realNow, haveAllEndedSince }
}
