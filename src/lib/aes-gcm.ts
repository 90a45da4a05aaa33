import { createCipheriv, createDecipheriv } from 'node:crypto'
import { takeRandomBytes } from './random.ts'
import { secretKeyOf } from './secret-key.ts'

const VERSION = 1
const KEY_ID_BYTES = 4
const NONCE_BYTES = 12
const TAG_BYTES = 16
const HEADER_BYTES = 1 + KEY_ID_BYTES + NONCE_BYTES

/** A 256-bit key with its id: 8 hexadecimal digits, which stand in front of what it seals. */
export type NamedKey = { id: string; key: Buffer }

/**
 * AES-256-GCM (NIST SP 800-38D): `version . key id . nonce . ciphertext . tag`.
 * @param place what the bytes belong to, authenticated with them: a sealed value copied elsewhere does not open
 */
export function seal({ id, key }: NamedKey, plaintext: Buffer, place: string): Buffer {
  const nonce = takeRandomBytes(NONCE_BYTES)
  const cipher = createCipheriv('aes-256-gcm', secretKeyOf(key), nonce, {
    authTagLength: TAG_BYTES
  })
  cipher.setAAD(Buffer.from(place))
  const body = Buffer.concat([cipher.update(plaintext), cipher.final()])
  return Buffer.concat([
    Buffer.from([VERSION]),
    Buffer.from(id, 'hex'),
    nonce,
    body,
    cipher.getAuthTag()
  ])
}

/** The id of the key that sealed these bytes, or null when they are not a sealed value. */
export function sealingKeyId(sealed: Uint8Array): string | null {
  if (sealed.length < HEADER_BYTES + TAG_BYTES || sealed[0] !== VERSION) return null
  return Buffer.from(sealed.subarray(1, 1 + KEY_ID_BYTES)).toString('hex')
}

/** @returns the plaintext, or null when the key, the place or the bytes are not the ones that were sealed */
export function unseal(key: Buffer, sealed: Uint8Array, place: string): Buffer | null {
  if (sealingKeyId(sealed) === null) return null
  const nonce = sealed.subarray(1 + KEY_ID_BYTES, HEADER_BYTES)
  const decipher = createDecipheriv('aes-256-gcm', secretKeyOf(key), nonce, {
    authTagLength: TAG_BYTES
  })
  decipher.setAAD(Buffer.from(place))
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES))
  try {
    return Buffer.concat([
      decipher.update(sealed.subarray(HEADER_BYTES, sealed.length - TAG_BYTES)),
      decipher.final()
    ])
  } catch {
    return null
  }
}
