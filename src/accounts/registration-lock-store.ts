import { Prisma } from '../platform/prisma/client.ts'
import type { Transaction } from '../platform/postgres.ts'

/**
 * Whoever changes the registrations of addresses does so in turn: in any other order they would deadlock.
 * @returns the address of each registration there is
 */
export async function lockRegistrations(
  tx: Transaction,
  emailIndexes: Uint8Array[]
): Promise<Uint8Array<ArrayBuffer>[]> {
  const rows = await tx.$queryRaw<{ emailIndex: Uint8Array<ArrayBuffer> }[]>`
    SELECT email_index AS "emailIndex" FROM registration
     WHERE email_index IN (${Prisma.join(emailIndexes)}) ORDER BY id FOR UPDATE`
  return rows.map(({ emailIndex }) => emailIndex)
}
