import { createPrivateKey, type KeyObject } from 'node:crypto'
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

/** @throws when it was not sealed here */
export function openSigningKey(
  { kid, sealedPrivate }: { kid: string; sealedPrivate: Uint8Array },
  sealer: Sealer
): KeyObject {
  const der = sealer.openBytes('signing', sealedPrivate, place(kid))
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
}
