import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import type { Sealer } from '../platform/keys/sealer.ts'
import type { SigningAlgorithm } from './algorithm.ts'
import { generateKey, keyIdOf, publicJwkOf, type PrivateKey } from './jwk.ts'

/** A key that is about to be kept. */
export type NewSigningKey = {
  kid: string
  alg: SigningAlgorithm
  publicJwk: Record<string, string>
  sealedPrivate: Uint8Array<ArrayBuffer>
}

const place = (kid: string) => ({ table: 'signing_key', column: 'sealed_private', row: kid })

/** A private key in the form that the store keeps. */
export async function sealSigningKey(
  { alg, privateKey }: PrivateKey,
  sealer: Sealer
): Promise<NewSigningKey> {
  const publicJwk = publicJwkOf(privateKey)
  const kid = await keyIdOf(publicJwk)
  const der = privateKey.export({ type: 'pkcs8', format: 'der' })
  return { kid, alg, publicJwk, sealedPrivate: sealer.sealBytes('signing', der, place(kid)) }
}

export async function makeSigningKey(alg: SigningAlgorithm, sealer: Sealer) {
  return sealSigningKey(await generateKey(alg), sealer)
}

type SealedKey = { kid: string; sealedPrivate: Uint8Array }

/** A key as it was sealed: both halves, or the public one alone once the private one was erased. */
export type OpenedKey = { publicKey: KeyObject; privateKey: KeyObject | null }

/** @throws when it was not sealed here */
export function openSigningKey({ kid, sealedPrivate }: SealedKey, sealer: Sealer): OpenedKey {
  const der = sealer.openBytes('signing', sealedPrivate, place(kid))
  const privateKey = readPrivateDer(der)
  if (privateKey !== null) return { publicKey: createPublicKey(privateKey), privateKey }
  return { publicKey: createPublicKey({ key: der, format: 'der', type: 'spki' }), privateKey }
}

/**
 * The same place with the public half alone. Sealed too: what a row says of itself in the clear is believed nowhere,
 * or whoever writes to the database could put keys of their own there.
 * @returns null where there is no private half
 */
export function withoutPrivateHalf(row: SealedKey, sealer: Sealer): Uint8Array<ArrayBuffer> | null {
  const { publicKey, privateKey } = openSigningKey(row, sealer)
  if (privateKey === null) return null
  const der = publicKey.export({ type: 'spki', format: 'der' })
  return sealer.sealBytes('signing', der, place(row.kid))
}

function readPrivateDer(der: Buffer): KeyObject | null {
  try {
    return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  } catch {
    return null
  }
}
