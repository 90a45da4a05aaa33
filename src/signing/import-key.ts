import type { Sealer } from '../platform/keys/sealer.ts'
import { readPrivatePem, UnusableKeyError } from './jwk.ts'
import { sealSigningKey } from './key-ring.ts'
import type { SigningKeyStore, Timeline } from './store.ts'

export type ImportKeyDeps = { store: SigningKeyStore; sealer: Sealer }

/**
 * Adds a private key that was made elsewhere to the ring.
 * @param pem as `openssl genrsa` writes it
 * @returns its id
 * @throws {UnusableKeyError} when it is no RSA key of 2048 bits or more, or in the ring already
 */
export async function importKey(
  { store, sealer }: ImportKeyDeps,
  pem: string,
  timeline: Timeline
): Promise<string> {
  const key = await sealSigningKey(readPrivatePem(pem), sealer)
  if (!(await store.add(key, timeline)))
    throw new UnusableKeyError('The ring holds this key already.')
  return key.kid
}
