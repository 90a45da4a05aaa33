import { hmacSha256 } from '../../lib/secrets.ts'
import { Prisma } from '../prisma/client.ts'
import type { DataKeySet } from './data-key-set.ts'

type Bytes = Uint8Array<ArrayBuffer>

/** Both columns of an address; the second is null where a server from before there was one wrote the row. */
export type AddressColumns = { emailIndex: Bytes; emailIndexNext: Bytes | null }

/** What an address is found by, and what is written of it. */
export type AddressIndex = {
  /** For whoever writes a row: both columns, always. */
  columns: AddressColumns
  /** For whoever looks a row up. */
  where: { emailIndex: Bytes } | { emailIndexNext: Bytes }
  /** The same, in SQL. */
  column: Prisma.Sql
  value: Bytes
}

/**
 * Addresses are found by a keyed hash of theirs, and are unique by it. So that its key can be replaced while
 * people register and log in, there are two columns, each unique, and a rotation from key A to key B goes
 * in steps that are announced to every server beforehand:
 *
 * | step                 | first column | second column | looked up in |
 * |----------------------|--------------|---------------|--------------|
 * | before               | A            | A             | first        |
 * | B is active          | A            | B             | first        |
 * | B reads (`readsAt`)  | A            | B             | second       |
 * | B leads (`leadsAt`)  | B            | B             | second       |
 * | settled              | B            | B             | first        |
 *
 * Rows from before are brought along in the background, and the next step begins only once none is left.
 * Servers that are one step apart find what the other writes, and collide in a column that both fill.
 */
export function createAddressIndexes({ indexKeys }: Pick<DataKeySet, 'indexKeys'>) {
  function of(canonical: string): AddressIndex {
    const { first, second } = indexKeys()
    return ofColumns({
      emailIndex: hashOf(first.key, canonical),
      emailIndexNext: hashOf(second.key, canonical)
    })
  }

  /** Of an address that another row holds. */
  function ofColumns({ emailIndex, emailIndexNext }: AddressColumns): AddressIndex {
    const columns = { emailIndex, emailIndexNext }
    return indexKeys().readsNext && emailIndexNext !== null
      ? { columns, where: { emailIndexNext }, column: NEXT, value: emailIndexNext }
      : { columns, where: { emailIndex }, column: FIRST, value: emailIndex }
  }

  return { of, ofColumns }
}

const FIRST = Prisma.sql`email_index`
const NEXT = Prisma.sql`email_index_next`

/** A keyed hash to look up by. `kind` keeps an address and a phone number of one spelling apart. */
export function hashOf(key: Buffer, canonical: string, kind: 'email' | 'phone' = 'email'): Bytes {
  return new Uint8Array(hmacSha256(key, `${kind}\0${canonical}`))
}
