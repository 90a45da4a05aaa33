import type { AddressIndex } from '../platform/keys/address-index.ts'
import type { Connection } from '../platform/postgres.ts'
import { byAddress } from './address-statement.ts'

/**
 * Whoever changes the registrations of addresses does so in turn: in any other order they would deadlock.
 * @returns the address of each registration there is, as hex of what was asked with
 */
export async function lockRegistrations(
  tx: Connection,
  emailIndexes: AddressIndex[]
): Promise<string[]> {
  const values = emailIndexes.map(({ value }) => Buffer.from(value))
  const rows = await tx.query<{ emailIndex: string }>(LOCK(emailIndexes[0] ?? null), [values])
  return rows.map(({ emailIndex }) => emailIndex)
}

const LOCK = byAddress(
  'registration_lock',
  (column) => `
    SELECT encode(${column}, 'hex') AS "emailIndex" FROM registration
     WHERE ${column} = ANY($1::bytea[]) ORDER BY id FOR UPDATE`
)
