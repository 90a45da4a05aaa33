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

/** Of many addresses, those that are somebody's and those that are kept for somebody; as hex. */
export async function findSomebodys(
  tx: Transaction,
  { emailIndexes, now }: { emailIndexes: Uint8Array<ArrayBuffer>[]; now: Date }
): Promise<{ owned: Set<string>; kept: Set<string> }> {
  const emailIndex = { in: emailIndexes }
  const select = { emailIndex: true }
  const owners = await tx.user.findMany({ where: { emailIndex }, select })
  const keepers = await tx.reservedEmail.findMany({
    where: { emailIndex, expiresAt: { gt: now } },
    select
  })
  const hexOf = (row: { emailIndex: Uint8Array }) => Buffer.from(row.emailIndex).toString('hex')
  return { owned: new Set(owners.map(hexOf)), kept: new Set(keepers.map(hexOf)) }
}
