import { UnavailableError } from '../../errors.ts'
import { seal, sealingKeyId, unseal } from '../../lib/aes-gcm.ts'
import type { Clock } from '../clock.ts'
import { createAddressIndexes, hashOf, type AddressIndex } from './address-index.ts'
import type { DataKeys, KeyPurpose } from './data-keys.ts'

/** Where a sealed value stands; it opens nowhere else. */
export type Place = { table: string; column: string; row: string }

export type Sealer = ReturnType<typeof createSealer>

export type SealerDeps = {
  dataKeys: DataKeys
  clock: Clock
  /** Whether keys may have been made that this server has not heard of; asking has them read. */
  isBehind?: () => boolean
}

/** Privacy at rest: what a copy of the database must not tell goes through here on its way in. */
export function createSealer({ dataKeys, clock, isBehind = () => false }: SealerDeps) {
  const { of: indexOf, ofColumns: addressIndexOf } = createAddressIndexes(dataKeys)
  const describe = ({ table, column, row }: Place) => `${table}.${column}.${row}`

  /** @throws {UnavailableError} when the index may be steps ahead: what is written now would not be found */
  function emailIndex(canonical: string): AddressIndex {
    if (isBehind()) throw new UnavailableError('the step of the blind index is not known')
    return indexOf(canonical)
  }

  function sealBytes(
    purpose: KeyPurpose,
    plaintext: Buffer,
    place: Place
  ): Uint8Array<ArrayBuffer> {
    const key = dataKeys.activeAt(purpose, clock.now())
    return new Uint8Array(seal(key, plaintext, describe(place)))
  }

  /**
   * @throws when the value was not sealed here for this place: the data is damaged, or was tampered with
   * @throws {UnavailableError} when its key came while this server was frozen or cut off, and is read now
   */
  function openBytes(purpose: KeyPurpose, sealed: Uint8Array, place: Place): Buffer {
    const key = dataKeys.find(purpose, sealingKeyId(sealed) ?? '')
    if (key === undefined && isBehind()) {
      throw new UnavailableError(`the data key of the value at ${describe(place)} is not known yet`)
    }
    const plaintext = key === undefined ? null : unseal(key, sealed, describe(place))
    if (plaintext === null) throw new Error(`Cannot open the sealed value at ${describe(place)}.`)
    return plaintext
  }

  return {
    sealBytes,
    openBytes,
    seal: (text: string, place: Place) => sealBytes('sealing', Buffer.from(text), place),
    open: (sealed: Uint8Array, place: Place) => openBytes('sealing', sealed, place).toString(),
    emailIndex,
    addressIndexOf,
    phoneIndex: (canonical: string) => hashOf(dataKeys.indexKeys().second.key, canonical, 'phone')
  }
}
