import type { AddressIndex } from '../platform/keys/address-index.ts'
import type { Statement } from '../platform/postgres.ts'

const COLUMNS = ['email_index', 'email_index_next']

/**
 * A statement that looks an address up: one for each column that addresses may be found by.
 * @param text given the column
 * @returns the one for the column that counts now; without an address, that of the first
 */
export function byAddress(name: string, text: (column: string) => string) {
  const statements = new Map<string | undefined, Statement>(
    COLUMNS.map((column) => [column, { name: `${name}_by_${column}`, text: text(column) }])
  )
  return function statementFor(emailIndex: AddressIndex | null): Statement {
    const statement = statements.get(emailIndex?.column.sql ?? COLUMNS[0])
    if (statement === undefined) throw new Error(`${name}: an address in an unknown column`)
    return statement
  }
}
