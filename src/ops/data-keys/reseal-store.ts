import { hex } from '../../lib/hex.ts'
import type { KeyPurpose } from '../../platform/keys/data-keys.ts'
import type { Sealer } from '../../platform/keys/sealer.ts'
import type { Postgres, Transaction } from '../../platform/postgres.ts'
import type { Lease } from './lease-store.ts'
import { inPages, type Page } from './pages.ts'
import type { SealedColumn } from './sealed-columns.ts'

export type ResealStore = ReturnType<typeof createResealStore>

export type ResealStoreDeps = { postgres: Postgres; sealer: Sealer; lease: Lease }

type Row = { row: string; stale: Uint8Array | null }

export function createResealStore({ postgres, sealer, lease }: ResealStoreDeps) {
  /**
   * Seals the values of one page of rows anew that older keys have sealed. Whoever writes a row meanwhile
   * wins: the statement replaces only what was read, and waits for nobody.
   */
  async function resealPage(place: SealedColumn, olderIds: string[], after: string): Promise<Page> {
    return postgres.transaction(async (tx) => {
      if (!(await lease.hold(tx))) return { kind: 'not_mine' }
      const rows = await readPage(tx, place, olderIds, after)
      const stale = rows.filter(hasStale)
      const fresh = stale.flatMap((row) => sealAnew(place, row) ?? [])
      const done = fresh.length === 0 ? 0 : await replace(tx, place, fresh)
      return {
        kind: 'page',
        rows: rows.length,
        done,
        left: stale.length - done,
        last: rows.at(-1)?.row
      }
    })
  }

  function sealAnew({ table, column, purpose }: SealedColumn, { row, stale }: StaleRow) {
    const place = { table, column, row }
    const plaintext = opened(purpose, stale, place)
    if (plaintext === null) return null
    return { row, stale: hex(stale), fresh: hex(sealer.sealBytes(purpose, plaintext, place)) }
  }

  /** @returns null for what nobody can open: it is counted as left, and stops nothing else */
  function opened(purpose: KeyPurpose, sealed: Uint8Array, place: Parameters<Sealer['open']>[1]) {
    try {
      return sealer.openBytes(purpose, sealed, place)
    } catch {
      return null
    }
  }

  return { resealPage }
}

type StaleRow = { row: string; stale: Uint8Array }
type FreshRow = { row: string; stale: string; fresh: string }

const hasStale = (row: Row): row is StaleRow => row.stale !== null

/** Names of tables and columns cannot be parameters; they come from the list in this folder alone. */
async function readPage(
  tx: Transaction,
  { table, column, key, keyType }: SealedColumn,
  olderIds: string[],
  after: string
): Promise<Row[]> {
  const { rowText, rowOf, pageRows } = inPages(key, keyType)
  return tx.$queryRawUnsafe<Row[]>(
    `SELECT ${rowText} AS row,
            CASE WHEN encode(substring(${column} FROM 2 FOR 4), 'hex') = ANY ($2::text[])
                 THEN ${column} END AS stale
       FROM ${table} WHERE ${key} > ${rowOf('$1')} ORDER BY ${key} LIMIT ${pageRows}`,
    after,
    olderIds
  )
}

async function replace(
  tx: Transaction,
  { table, column, key, keyType }: SealedColumn,
  rows: FreshRow[]
): Promise<number> {
  const { rowOf } = inPages(key, keyType)
  return tx.$executeRawUnsafe(
    `WITH fresh AS (
       SELECT ${rowOf('"row"')} AS key, decode(stale, 'hex') AS stale, decode(fresh, 'hex') AS fresh
         FROM jsonb_to_recordset($1::jsonb) AS value ("row" text, stale text, fresh text)
     ), held AS (
       SELECT t.${key} AS key, fresh.fresh FROM ${table} t JOIN fresh ON t.${key} = fresh.key
        WHERE t.${column} = fresh.stale FOR UPDATE OF t SKIP LOCKED
     )
     UPDATE ${table} t SET ${column} = held.fresh FROM held WHERE t.${key} = held.key`,
    JSON.stringify(rows)
  )
}
