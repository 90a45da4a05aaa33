import { sign, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import { errors, jwtVerify } from 'jose'
import { v4 as uuidv4 } from 'uuid'
import { isCanonicalBase64Url, sha256 } from '../lib/secrets.ts'
import type { Clock } from '../platform/clock.ts'
import type { KeyRing, RingKey } from '../signing/key-ring.ts'

const signAsync = promisify(sign)

/** RFC 9068 §2.1: what tells an access token from every other JWT. */
const TYP = 'at+jwt'

/** The claims that differ from token to token. Times are seconds. */
export type AccessTokenSubject = {
  sub: string
  sid: string
  client_id: string
  scope: string
  roles: string[]
  auth_time: number
  amr: string[]
  /** Only those that ACCESS_TOKEN_CLAIMS asks for. */
  personal?: { email?: string; email_verified?: boolean; name?: string; username?: string }
}

export type AccessTokenClaims = Omit<AccessTokenSubject, 'personal'> & {
  iss: string
  aud: string | string[]
  iat: number
  exp: number
  jti: string
} & NonNullable<AccessTokenSubject['personal']>

export type AccessTokens = ReturnType<typeof createAccessTokens>

export type AccessTokensDeps = {
  keyRing: KeyRing
  clock: Clock
  issuer: string
  audience: string[]
  ttlSeconds: number
}

/** How many verified tokens are remembered; each costs about 1 KiB. */
const CACHE_LIMIT = 10_000

/** Access tokens as RFC 9068 has them: signed by the ring's key of the hour, verified against the ring alone. */
export function createAccessTokens(deps: AccessTokensDeps) {
  const { keyRing, clock, issuer, ttlSeconds } = deps
  const aud = deps.audience.length === 0 ? issuer : [issuer, ...deps.audience]
  const headers = new WeakMap<KeyObject, string>()
  const verified = new Map<string, { claims: AccessTokenClaims; key: RingKey }>()

  /** Signs off the main thread: a signature costs 270 µs and is nearly all that an answer costs. */
  async function issue({ personal, ...subject }: AccessTokenSubject): Promise<string> {
    const key = keyRing.signingKey()
    const iat = Math.floor(clock.now().getTime() / 1_000)
    const claims: AccessTokenClaims = {
      iss: issuer,
      aud,
      ...subject,
      iat,
      exp: iat + ttlSeconds,
      jti: uuidv4(),
      ...personal
    }
    const body = `${headerOf(key)}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}`
    const signature = await signAsync('sha256', Buffer.from(body), key.privateKey)
    return `${body}.${signature.toString('base64url')}`
  }

  function headerOf(key: RingKey): string {
    let header = headers.get(key.privateKey)
    if (header === undefined) {
      header = Buffer.from(JSON.stringify({ alg: key.alg, typ: TYP, kid: key.kid })).toString(
        'base64url'
      )
      headers.set(key.privateKey, header)
    }
    return header
  }

  /**
   * Checks signature, `typ`, `iss` and `exp`, and `aud` if one is asked for. Not revocation: that is the
   * feed's. A verified token is remembered by its hash, for as long as its key is in the ring.
   * @returns null for every token that is not a live one of ours
   */
  async function verify(token: string, audience: string): Promise<AccessTokenClaims | null> {
    const hash = sha256(token).toString('base64')
    const known = verified.get(hash)
    const claims = known ?? (await verifySignature(token))
    if (claims === null) return null
    const nowSeconds = clock.now().getTime() / 1_000
    if (keyRing.verificationKey(claims.key.kid) === undefined || claims.claims.exp <= nowSeconds) {
      verified.delete(hash)
      return null
    }
    if (known === undefined) remember(hash, claims)
    const { aud: audiences } = claims.claims
    const isMeant = Array.isArray(audiences) ? audiences.includes(audience) : audiences === audience
    return isMeant ? claims.claims : null
  }

  async function verifySignature(token: string) {
    if (!token.split('.').every(isCanonicalBase64Url)) return null
    let found: RingKey | undefined
    try {
      const { payload } = await jwtVerify<AccessTokenClaims>(
        token,
        ({ kid }) => {
          found = kid === undefined ? undefined : keyRing.verificationKey(kid)
          if (found === undefined) throw new errors.JWKSNoMatchingKey()
          return found.publicKey
        },
        {
          algorithms: ['RS256'],
          typ: TYP,
          issuer,
          currentDate: clock.now(),
          requiredClaims: ['sub', 'sid', 'client_id', 'iat', 'exp', 'jti', 'aud']
        }
      )
      return found === undefined ? null : { claims: payload, key: found }
    } catch (error) {
      if (error instanceof errors.JOSEError) return null
      throw error
    }
  }

  /** Bounded: the oldest makes room. */
  function remember(hash: string, entry: { claims: AccessTokenClaims; key: RingKey }): void {
    if (verified.size >= CACHE_LIMIT) {
      for (const oldest of verified.keys()) {
        verified.delete(oldest)
        break
      }
    }
    verified.set(hash, entry)
  }

  return { issue, verify, ttlSeconds }
}
