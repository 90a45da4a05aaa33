import { parseEmailAddress } from '../../lib/email-address.ts'
import { hex } from '../../lib/hex.ts'
import { hashOf } from '../../platform/keys/address-index.ts'
import type { LiveDataKeys } from '../../platform/keys/data-keys.ts'
import type { Sealer } from '../../platform/keys/sealer.ts'
import type { Postgres, Transaction } from '../../platform/postgres.ts'
import { LEFT_BY, type AddressStep, type AddressTable } from './address-columns.ts'
import type { Lease } from './lease-store.ts'
import { inPages, type Page } from './pages.ts'

export type AddressStore = ReturnType<typeof createAddressStore>

export type AddressStoreDeps = {
  postgres: Postgres
  sealer: Sealer
  dataKeys: Pick<LiveDataKeys, 'indexKeys'>
  lease: Lease
}

type Row = {
  row: string
  isLeft: boolean
  emailIndex: Uint8Array
  emailIndexNext: Uint8Array<ArrayBuffer> | null
  sealed: Uint8Array | null
  sealedIn: string
  sealedRow: string
  phoneSealed: Uint8Array | null
}

/** Values of a row as hex: what was read, which must stand there still, and what comes in its place. */
type FreshRow = {
  row: string
  index: string
  phone_sealed: string | null
  fresh: string
  fresh_phone: string | null
  fresh_sealed: string | null
}

export function createAddressStore({ postgres, sealer, dataKeys, lease }: AddressStoreDeps) {
  /** Does a step to one page of rows. Whoever writes a row meanwhile wins. */
  async function movePage(table: AddressTable, step: AddressStep, after: string): Promise<Page> {
    return postgres.transaction(async (tx) => {
      if (!(await lease.hold(tx))) return { kind: 'not_mine' }
      const rows = await readPage(tx, table, step, after)
      const left = rows.filter(({ isLeft }) => isLeft)
      const fresh = left.flatMap((row) => refresh(table, step, row) ?? [])
      const done = fresh.length === 0 ? 0 : await replace(tx, table, step, fresh)
      const last = rows.at(-1)?.row
      return { kind: 'page', rows: rows.length, done, left: left.length - done, last }
    })
  }

  /** @returns null for what nobody can open: it is counted as left, and stops nothing else */
  function refresh({ table }: AddressTable, step: AddressStep, row: Row): FreshRow | null {
    try {
      const isMoved = step === 'lead' && table === 'reserved_email'
      const address = step === 'fill' || isMoved ? openAddress(row) : null
      const fresh = step === 'lead' ? row.emailIndexNext : nextIndexOf(table, row, address)
      if (fresh === null) return null
      const { phoneSealed } = row
      const place = { table, column: 'email_sealed', row: hex(fresh) }
      return {
        row: row.row,
        index: hex(row.emailIndex),
        phone_sealed: phoneSealed && hex(phoneSealed),
        fresh: hex(fresh),
        fresh_phone: phoneSealed && hex(sealer.phoneIndex(openPhone(table, row.row, phoneSealed))),
        // Sealed for its row, which the index names.
        fresh_sealed: isMoved && address !== null ? hex(sealer.seal(address, place)) : null
      }
    } catch {
      return null
    }
  }

  function openAddress({ sealed, sealedIn, sealedRow }: Row): string | null {
    const place = { table: sealedIn, column: 'email_sealed', row: sealedRow }
    return sealed && sealer.open(sealed, place)
  }

  function openPhone(table: string, row: string, sealed: Uint8Array): string {
    return sealer.open(sealed, { table, column: 'phone_sealed', row })
  }

  /**
   * A token of an address that its owner has left since leads nowhere, before as after: what comes in the
   * place of its index is nobody's. Anywhere else such a row is damaged, and stays.
   */
  function nextIndexOf(table: string, { row, emailIndex }: Row, address: string | null) {
    const { first, second } = dataKeys.indexKeys()
    const canonical = address === null ? undefined : parseEmailAddress(address)?.canonical
    if (canonical !== undefined && isSame(hashOf(first.key, canonical), emailIndex)) {
      return hashOf(second.key, canonical)
    }
    return table === 'one_time_token' ? hashOf(second.key, `nobody\0${row}`) : null
  }

  return { movePage }
}

const isSame = (one: Uint8Array, other: Uint8Array) => Buffer.compare(one, other) === 0

/** Names of tables and columns cannot be parameters; they come from the list in this folder alone. */
async function readPage(
  tx: Transaction,
  { table, key, keyType, hasPhone, sealed, sealedIn, sealedRow, joins }: AddressTable,
  step: AddressStep,
  after: string
): Promise<Row[]> {
  const { rowText, rowOf, pageRows } = inPages(`t.${key}`, keyType)
  return tx.$queryRawUnsafe<Row[]>(
    `SELECT ${rowText} AS row, COALESCE(${LEFT_BY[step]}, FALSE) AS "isLeft",
            t.email_index AS "emailIndex", t.email_index_next AS "emailIndexNext",
            ${sealed} AS sealed, ${sealedIn} AS "sealedIn", ${sealedRow} AS "sealedRow",
            ${hasPhone ? 't.phone_sealed' : 'NULL::bytea'} AS "phoneSealed"
       FROM (SELECT * FROM ${table} WHERE ${key} > ${rowOf('$1')} ORDER BY ${key} LIMIT ${pageRows}) t
            ${joins}
      ORDER BY t.${key}`,
    after
  )
}

async function replace(
  tx: Transaction,
  { table, key, keyType, hasPhone }: AddressTable,
  step: AddressStep,
  rows: FreshRow[]
): Promise<number> {
  const { rowOf } = inPages(key, keyType)
  const isSamePhone = hasPhone ? `AND t.phone_sealed IS NOT DISTINCT FROM fresh.phone_sealed` : ''
  const column = step === 'fill' ? 'email_index_next' : 'email_index'
  const phone = hasPhone ? ', phone_index = held.fresh_phone' : ''
  const isMoved = step === 'lead' && table === 'reserved_email'
  const sealed = isMoved ? ', email_sealed = held.fresh_sealed' : ''
  return tx.$executeRawUnsafe(
    `WITH fresh AS (
       SELECT ${rowOf('"row"')} AS key, decode("index", 'hex') AS "index",
              decode(phone_sealed, 'hex') AS phone_sealed, decode(fresh, 'hex') AS fresh,
              decode(fresh_phone, 'hex') AS fresh_phone, decode(fresh_sealed, 'hex') AS fresh_sealed
         FROM jsonb_to_recordset($1::jsonb)
           AS value ("row" text, "index" text, phone_sealed text, fresh text, fresh_phone text, fresh_sealed text)
     ), held AS (
       SELECT fresh.* FROM ${table} t JOIN fresh ON t.${key} = fresh.key
        WHERE t.email_index = fresh."index" AND ${LEFT_BY[step]} ${isSamePhone}
          FOR UPDATE OF t SKIP LOCKED
     )
     UPDATE ${table} t SET ${column} = held.fresh${phone}${sealed} FROM held WHERE t.${key} = held.key`,
    JSON.stringify(rows)
  )
}
