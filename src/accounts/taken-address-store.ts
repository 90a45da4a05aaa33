import type { AddressIndex } from '../platform/keys/address-index.ts'
import { Prisma } from '../platform/prisma/client.ts'
import type { Transaction } from '../platform/postgres.ts'

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
  tx: Transaction,
  { emailIndex, now, exceptId }: AddressQuestion
): Promise<boolean> {
  const isOther = exceptId !== undefined
  const owners = await tx.user.count({
    where: { ...emailIndex.where, ...(isOther && { id: { not: exceptId } }) }
  })
  const keepers = await tx.reservedEmail.count({
    where: {
      ...emailIndex.where,
      expiresAt: { gt: now },
      ...(isOther && { userId: { not: exceptId } })
    }
  })
  return owners + keepers > 0
}

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
export function indexesIn(emailIndexes: AddressIndex[]): { column: Prisma.Sql; asked: Prisma.Sql } {
  const column = emailIndexes[0]?.column ?? Prisma.sql`email_index`
  const text = emailIndexes.map(indexHex).join(' ')
  const asked = Prisma.sql`(SELECT decode(hex, 'hex') FROM string_to_table(${text}, ' ') AS hex)`
  return { column, asked }
}

/** What an address is looked up with, as hex. */
export const indexHex = ({ value }: AddressIndex) => Buffer.from(value).toString('hex')
