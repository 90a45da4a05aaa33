import { createPrivateKey, createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import { calculateJwkThumbprint } from 'jose'
import type { SigningAlgorithm } from './algorithm.ts'

/** RS256 wants at least 2048 bits (RFC 7518 §3.3); more costs six times as much per signature. */
const MODULUS_BITS = 2_048

/** Public members, and no others (RFC 7518 §6, RFC 8037 §2). */
export type PublicJwk =
  | { kty: 'RSA'; n: string; e: string }
  | { kty: 'EC'; crv: 'P-256'; x: string; y: string }
  | { kty: 'OKP'; crv: 'Ed25519'; x: string }

/** A private key, and what it signs with. */
export type PrivateKey = { alg: SigningAlgorithm; privateKey: KeyObject }

/** A PEM that cannot become a signing key. */
export class UnusableKeyError extends Error {
  override readonly name = 'UnusableKeyError'
}

const generate = promisify(generateKeyPair)

export async function generateKey(alg: SigningAlgorithm): Promise<PrivateKey> {
  const { privateKey } = await (() => {
    switch (alg) {
      case 'RS256':
        return generate('rsa', { modulusLength: MODULUS_BITS })
      case 'ES256':
        return generate('ec', { namedCurve: 'P-256' })
      case 'EdDSA':
        return generate('ed25519')
    }
  })()
  return { alg, privateKey }
}

/**
 * Reads a private key as `openssl` writes it (PKCS#8, PKCS#1 or SEC 1). Its kind says its algorithm.
 * @throws {UnusableKeyError} when it is no private key of RSA (2048 bits or more), EC P-256 or Ed25519
 */
export function readPrivatePem(pem: string): PrivateKey {
  let privateKey: KeyObject
  try {
    privateKey = createPrivateKey(pem)
  } catch (error) {
    throw new UnusableKeyError('This is not an unencrypted private key in PEM form.', {
      cause: error
    })
  }
  return { alg: algorithmOf(privateKey), privateKey }
}

function algorithmOf({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject) {
  if (type === 'rsa') {
    if ((details?.modulusLength ?? 0) >= MODULUS_BITS) return 'RS256'
    throw new UnusableKeyError(`This RSA key is shorter than ${MODULUS_BITS} bits.`)
  }
  if (type === 'ec' && details?.namedCurve === 'prime256v1') return 'ES256'
  if (type === 'ed25519') return 'EdDSA'
  throw new UnusableKeyError('This is not a key of RSA, EC P-256 or Ed25519.')
}

/** The public half, and nothing else. */
export function publicJwkOf(key: KeyObject): PublicJwk {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key
  const { kty, crv, n, e, x, y } = publicKey.export({ format: 'jwk' })
  const members = { RSA: { kty, n, e }, EC: { kty, crv, x, y }, OKP: { kty, crv, x } }
  return members[kty as PublicJwk['kty']] as PublicJwk
}

/** The key's id: its thumbprint (RFC 7638), so that the same key has the same id everywhere. */
export async function keyIdOf(jwk: PublicJwk): Promise<string> {
  return calculateJwkThumbprint(jwk, 'sha256')
}
