import type { AddressIndex } from '../platform/keys/address-index.ts'
import type { Transaction } from '../platform/postgres.ts'
import { indexesIn } from './taken-address-store.ts'

/**
 * Whoever changes the registrations of addresses does so in turn: in any other order they would deadlock.
 * @returns the address of each registration there is, as hex of what was asked with
 */
export async function lockRegistrations(
  tx: Transaction,
  emailIndexes: AddressIndex[]
): Promise<string[]> {
  const { column, asked } = indexesIn(emailIndexes)
  const rows = await tx.$queryRaw<{ emailIndex: string }[]>`
    SELECT encode(${column}, 'hex') AS "emailIndex" FROM registration
     WHERE ${column} IN ${asked} ORDER BY id FOR UPDATE`
  return rows.map(({ emailIndex }) => emailIndex)
}
