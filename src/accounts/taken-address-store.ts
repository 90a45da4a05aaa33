import type { AddressIndex } from '../platform/keys/address-index.ts'
import { Prisma } from '../platform/prisma/client.ts'
import type { Connection, Transaction } from '../platform/postgres.ts'
import { byAddress } from './address-statement.ts'

/** Which address, and whose own it does not count for. */
export type AddressQuestion = {
  emailIndex: AddressIndex
  now: Date
  exceptId?: string
}

/**
 * Whether an address belongs to somebody else, or is kept for somebody who may still want it back. Both
 * are always asked, so that the time tells nothing.
 */
export async function isSomebodys(
  tx: Connection,
  { emailIndex, now, exceptId }: AddressQuestion
): Promise<boolean> {
  const values = [emailIndex.value, exceptId ?? null, now]
  const [row] = await tx.query<{ people: number }>(COUNT(emailIndex), values)
  return row === undefined || row.people > 0
}

const COUNT = byAddress(
  'address_owners',
  (column) => `
    SELECT ((SELECT count(*) FROM users WHERE ${column} = $1 AND id IS DISTINCT FROM $2::uuid)
          + (SELECT count(*) FROM reserved_email
              WHERE ${column} = $1 AND user_id IS DISTINCT FROM $2::uuid AND expires_at > $3))::int AS people`
)

/** Whose an address is, and where their mail goes. */
export type AddressOwner = {
  id: string
  emailSealed: Uint8Array
  emailVerifiedAt: Date | null
  locale: string | null
}

export async function findOwner(
  tx: Connection,
  emailIndex: AddressIndex
): Promise<AddressOwner | null> {
  const [owner] = await tx.query<AddressOwner>(OWNER(emailIndex), [emailIndex.value])
  return owner ?? null
}

const OWNER = byAddress(
  'address_owner',
  (column) => `
    SELECT id, email_sealed AS "emailSealed", email_verified_at AS "emailVerifiedAt", locale
      FROM users WHERE ${column} = $1`
)

/** Of many addresses those that are somebody's and those that are kept for somebody, as hex of what was asked with. */
export async function findSomebodys(
  tx: Transaction,
  emailIndexes: AddressIndex[]
): Promise<{ owned: Set<string>; kept: Set<string> }> {
  const { column, asked } = indexesIn(emailIndexes)
  const rows = await tx.$queryRaw<{ emailIndex: string; isOwned: boolean }[]>`
    SELECT encode(${column}, 'hex') AS "emailIndex", TRUE AS "isOwned"
      FROM users WHERE ${column} IN ${asked}
     UNION ALL
    SELECT encode(${column}, 'hex'), FALSE
      FROM reserved_email WHERE ${column} IN ${asked} AND expires_at > latchkey_now()`
  const those = (isOwned: boolean) =>
    new Set(rows.filter((row) => row.isOwned === isOwned).map(({ emailIndex }) => emailIndex))
  return { owned: those(true), kept: those(false) }
}

/** Many addresses as one parameter, and the column to look them up in. */
function indexesIn(emailIndexes: AddressIndex[]): { column: Prisma.Sql; asked: Prisma.Sql } {
  const column = emailIndexes[0]?.column ?? Prisma.sql`email_index`
  const text = emailIndexes.map(indexHex).join(' ')
  const asked = Prisma.sql`(SELECT decode(hex, 'hex') FROM string_to_table(${text}, ' ') AS hex)`
  return { column, asked }
}

/** What an address is looked up with, as hex. */
export const indexHex = ({ value }: AddressIndex) => Buffer.from(value).toString('hex')
