import { seal, sealingKeyId, unseal } from '../../lib/aes-gcm.ts'
import { hmacSha256 } from '../../lib/secrets.ts'
import type { Clock } from '../clock.ts'
import type { DataKeys, KeyPurpose } from './data-keys.ts'

/** Where a sealed value stands; it opens nowhere else. */
export type Place = { table: string; column: string; row: string }

export type Sealer = ReturnType<typeof createSealer>

export type SealerDeps = { dataKeys: DataKeys; clock: Clock }

/** Privacy at rest: what a copy of the database must not tell goes through here on its way in. */
export function createSealer({ dataKeys, clock }: SealerDeps) {
  const describe = ({ table, column, row }: Place) => `${table}.${column}.${row}`

  function sealBytes(
    purpose: KeyPurpose,
    plaintext: Buffer,
    place: Place
  ): Uint8Array<ArrayBuffer> {
    const key = dataKeys.activeAt(purpose, clock.now())
    return new Uint8Array(seal(key, plaintext, describe(place)))
  }

  /** @throws when the value was not sealed here for this place: the data is damaged, or was tampered with */
  function openBytes(purpose: KeyPurpose, sealed: Uint8Array, place: Place): Buffer {
    const key = dataKeys.find(purpose, sealingKeyId(sealed) ?? '')
    const plaintext = key === undefined ? null : unseal(key, sealed, describe(place))
    if (plaintext === null) throw new Error(`Cannot open the sealed value at ${describe(place)}.`)
    return plaintext
  }

  /** A keyed hash to look up by. `kind` keeps an address and a phone number of one spelling apart. */
  function blindIndex(kind: 'email' | 'phone', canonical: string): Uint8Array<ArrayBuffer> {
    const key = dataKeys.activeAt('blind_index', clock.now())
    return new Uint8Array(hmacSha256(key.key, `${kind}\0${canonical}`))
  }

  return {
    sealBytes,
    openBytes,
    seal: (text: string, place: Place) => sealBytes('sealing', Buffer.from(text), place),
    open: (sealed: Uint8Array, place: Place) => openBytes('sealing', sealed, place).toString(),
    emailIndex: (canonical: string) => blindIndex('email', canonical),
    phoneIndex: (canonical: string) => blindIndex('phone', canonical)
  }
}
