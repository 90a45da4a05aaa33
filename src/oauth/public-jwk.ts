import { createPublicKey } from 'node:crypto'
import { Type, type Static } from 'typebox'
import { LINE } from '../http/schemas.ts'

/** Algorithms that a client may sign assertions, proofs and request objects with. */
export const CLIENT_ALGS = ['RS256', 'PS256', 'ES256', 'EdDSA']

const Text = (maxLength: number) => Type.String({ maxLength, pattern: LINE })
const text = (maxLength: number) => Type.Optional(Text(maxLength))

/** A public key (RFC 7517 §4): a private member has no place here. */
export const PublicJwk = Type.Object(
  {
    kty: Type.Enum(['RSA', 'EC', 'OKP']),
    kid: text(256),
    alg: text(32),
    use: text(16),
    key_ops: Type.Optional(Type.Array(Text(32), { maxItems: 8 })),
    n: text(2_048),
    e: text(16),
    crv: text(32),
    x: text(256),
    y: text(256),
    x5c: Type.Optional(Type.Array(Text(8_192), { maxItems: 8 })),
    x5t: text(128),
    'x5t#S256': text(128)
  },
  { additionalProperties: false }
)
export type PublicJwk = Static<typeof PublicJwk>

/** Whether it is a key that a client's signatures may be checked with, and nothing else. */
export function isPublicKey(jwk: Record<string, unknown>): boolean {
  if (isSecretKey(jwk)) return false
  try {
    const { asymmetricKeyType: type, asymmetricKeyDetails: details } = createPublicKey({
      key: jwk,
      format: 'jwk'
    })
    if (type === 'rsa') return (details?.modulusLength ?? 0) >= 2_048
    return type === 'ed25519' || (type === 'ec' && details?.namedCurve === 'prime256v1')
  } catch {
    return false
  }
}

/** Whether a JWK holds what only its owner may know. */
export function isSecretKey(jwk: Record<string, unknown>): boolean {
  return ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k', 'oth'].some((field) => field in jwk)
}
