import type { KeyObject } from 'node:crypto'

/** The algorithms that a ring can be of (RFC 7518 §3.1, RFC 8037 §3.1), as JOSE names them. */
export const SIGNING_ALGORITHMS = ['RS256', 'ES256', 'EdDSA'] as const
export type SigningAlgorithm = (typeof SIGNING_ALGORITHMS)[number]

/** What every client of OpenID Connect can verify (Core §15.1), and what it gets unless it chose another. */
export const DEFAULT_ALGORITHM: SigningAlgorithm = 'RS256'

/** How `node:crypto` signs so that the signature is a JWS' one: of ECDSA r and s as they are, no DER (RFC 7518 §3.4). */
export function signingParameters(alg: SigningAlgorithm, key: KeyObject) {
  switch (alg) {
    case 'RS256':
      return { digest: 'sha256', key }
    case 'ES256':
      return { digest: 'sha256', key: { key, dsaEncoding: 'ieee-p1363' as const } }
    case 'EdDSA':
      return { digest: null, key }
  }
}

/** The hash that `at_hash` takes half of: that of the algorithm (OpenID Connect Core §3.1.3.6); Ed25519 has SHA-512 inside. */
export function hashOf(alg: SigningAlgorithm): 'sha256' | 'sha512' {
  return alg === 'EdDSA' ? 'sha512' : 'sha256'
}
