import { Prisma } from '../platform/prisma/client.ts'
import type { Transaction } from '../platform/postgres.ts'

/** Which address, and whose own it does not count for. */
export type AddressQuestion = {
  emailIndex: Uint8Array<ArrayBuffer>
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
    where: { emailIndex, ...(isOther && { id: { not: exceptId } }) }
  })
  const keepers = await tx.reservedEmail.count({
    where: { emailIndex, expiresAt: { gt: now }, ...(isOther && { userId: { not: exceptId } }) }
  })
  return owners + keepers > 0
}

/** Of many addresses, as hex, those that are somebody's and those that are kept for somebody. */
export async function findSomebodys(
  tx: Transaction,
  emailIndexes: string[]
): Promise<{ owned: Set<string>; kept: Set<string> }> {
  const asked = indexesIn(emailIndexes)
  const rows = await tx.$queryRaw<{ emailIndex: string; isOwned: boolean }[]>`
    SELECT encode(email_index, 'hex') AS "emailIndex", TRUE AS "isOwned"
      FROM users WHERE email_index IN ${asked}
     UNION ALL
    SELECT encode(email_index, 'hex'), FALSE
      FROM reserved_email WHERE email_index IN ${asked} AND expires_at > latchkey_now()`
  const those = (isOwned: boolean) =>
    new Set(rows.filter((row) => row.isOwned === isOwned).map(({ emailIndex }) => emailIndex))
  return { owned: those(true), kept: those(false) }
}

/** Many addresses, given as hex, as one parameter. */
export function indexesIn(emailIndexes: string[]): Prisma.Sql {
  return Prisma.sql`(SELECT decode(hex, 'hex') FROM string_to_table(${emailIndexes.join(' ')}, ' ') AS hex)`
}
