import type { Transaction } from '../platform/postgres.ts'
import { indexesIn } from './taken-address-store.ts'

/**
 * Whoever changes the registrations of addresses does so in turn: in any other order they would deadlock.
 * @param emailIndexes as hex
 * @returns the address of each registration there is, as hex
 */
export async function lockRegistrations(
  tx: Transaction,
  emailIndexes: string[]
): Promise<string[]> {
  const rows = await tx.$queryRaw<{ emailIndex: string }[]>`
    SELECT encode(email_index, 'hex') AS "emailIndex" FROM registration
     WHERE email_index IN ${indexesIn(emailIndexes)} ORDER BY id FOR UPDATE`
  return rows.map(({ emailIndex }) => emailIndex)
}
