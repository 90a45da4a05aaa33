import type { KeyObject } from 'node:crypto'
import { signingParameters, type SigningAlgorithm } from './algorithm.ts'
import type { KeyRing, RingKey } from './key-ring.ts'
import { signInPool, type Sign } from './sign.ts'

/** What tells one kind of our JWTs from every other (RFC 8725 §3.11). */
export type JwtType = 'at+jwt' | 'JWT' | 'logout+jwt' | 'token-introspection+jwt'

export type SignJwt = ReturnType<typeof createJwtSigner>

/** Signs with the key of the hour. */
export function createJwtSigner(keyRing: KeyRing, sign: Sign = signInPool) {
  const headers = new WeakMap<KeyObject, Map<JwtType, string>>()

  /** @param alg of the ring; RS256 where nobody has chosen */
  return async function signJwt(
    typ: JwtType,
    claims: object,
    alg?: SigningAlgorithm
  ): Promise<string> {
    const key = keyRing.signingKey(alg)
    const text = `${headerOf(key, typ)}.${encode(claims)}`
    const { digest, key: parameters } = signingParameters(key.alg, key.privateKey)
    const signature = await sign({ digest, text, key: parameters })
    return `${text}.${signature.toString('base64url')}`
  }

  function headerOf({ privateKey, alg, kid }: RingKey, typ: JwtType): string {
    const known = headers.get(privateKey) ?? new Map<JwtType, string>()
    headers.set(privateKey, known)
    const header = known.get(typ) ?? encode({ alg, typ, kid })
    known.set(typ, header)
    return header
  }
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
