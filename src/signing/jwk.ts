import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import { calculateJwkThumbprint } from 'jose'

/** RS256 wants at least 2048 bits (RFC 7518 §3.3); more costs six times as much per signature. */
const MODULUS_BITS = 2_048

export type RsaPublicJwk = { kty: 'RSA'; n: string; e: string }

/** A PEM that cannot become a signing key. */
export class UnusableKeyError extends Error {
  override readonly name = 'UnusableKeyError'
}

export async function generateRsaKey(): Promise<KeyObject> {
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: MODULUS_BITS })
  return privateKey
}

/**
 * Reads a private key as `openssl genrsa` writes it (PKCS#8 or PKCS#1).
 * @throws {UnusableKeyError} when it is no private RSA key of at least 2048 bits
 */
export function readPrivatePem(pem: string): KeyObject {
  let key: KeyObject
  try {
    key = createPrivateKey(pem)
  } catch (error) {
    throw new UnusableKeyError('This is not an unencrypted private key in PEM form.', {
      cause: error
    })
  }
  if (key.asymmetricKeyType !== 'rsa') throw new UnusableKeyError('This is not an RSA key.')
  if ((key.asymmetricKeyDetails?.modulusLength ?? 0) < MODULUS_BITS) {
    throw new UnusableKeyError(`This RSA key is shorter than ${MODULUS_BITS} bits.`)
  }
  return key
}

/** The public half, and nothing else. */
export function publicJwkOf(privateKey: KeyObject): RsaPublicJwk {
  const { n, e } = createPublicKey(privateKey).export({ format: 'jwk' })
  if (n === undefined || e === undefined) throw new UnusableKeyError('This is not an RSA key.')
  return { kty: 'RSA', n, e }
}

/** The key's id: its thumbprint (RFC 7638), so that the same key has the same id everywhere. */
export async function keyIdOf(jwk: RsaPublicJwk): Promise<string> {
  return calculateJwkThumbprint(jwk, 'sha256')
}
