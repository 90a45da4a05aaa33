import { hash } from 'node:crypto'
import { errors, jwtVerify } from 'jose'
import { v4 as uuidv4 } from 'uuid'
import { rememberNewest } from '../lib/remember-newest.ts'
import { isCanonicalBase64Url } from '../lib/secrets.ts'
import type { Clock } from '../platform/clock.ts'
import type { SigningAlgorithm } from '../signing/algorithm.ts'
import type { SignJwt } from '../signing/jwt-signer.ts'
import type { KeyRing, RingKey } from '../signing/key-ring.ts'
import type { TokenIdentity } from './token-identity.ts'

/** RFC 9068 §2.1: what tells an access token from every other JWT. */
const TYP = 'at+jwt'

/** The claims that differ from token to token. Times are seconds. */
export type AccessTokenSubject = {
  sub: string
  client_id: string
  scope: string
  /** The session behind it; a client that comes by itself has none. */
  sid?: string
  roles?: string[]
  auth_time?: number
  amr?: string[]
  /** The key that a DPoP-bound token needs (RFC 9449 §6.1). */
  cnf?: { jkt: string }
  /** Who acts for the subject, after a token exchange (RFC 8693 §4.1). */
  act?: ActorClaim
  /** The tokens that this one was made from: it is refused as soon as one of them is. */
  exchanged_from?: TokenIdentity[]
  /** Only those that ACCESS_TOKEN_CLAIMS asks for. */
  personal?: { email?: string; email_verified?: boolean; name?: string; username?: string }
}

export type ActorClaim = { sub: string; act?: ActorClaim }

/**
 * Where a token may be used and how long; by default at the issuer, for the configured life. `notAfter`
 * (seconds since 1970) ends it earlier.
 */
export type AccessTokenReach = {
  audience?: string[]
  ttlSeconds?: number
  notAfter?: number
  /** Which ring signs it; RS256 where nobody has chosen. */
  alg?: SigningAlgorithm
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
  signJwt: SignJwt
  clock: Clock
  issuer: string
  audience: string[]
  ttlSeconds: number
}

type Verified = { claims: AccessTokenClaims; key: RingKey }

/** How many verified tokens are remembered, of which the oldest makes room; each costs about 1 KiB. */
const CACHE_LIMIT = 10_000

/** Access tokens as RFC 9068 has them: signed by the ring's key of the hour, verified against the ring alone. */
export function createAccessTokens(deps: AccessTokensDeps) {
  const { keyRing, signJwt, clock, issuer, ttlSeconds } = deps
  const firstPartyAudience = deps.audience.length === 0 ? issuer : [issuer, ...deps.audience]
  const verified = new Map<string, Verified>()

  async function issue(
    { personal, ...subject }: AccessTokenSubject,
    reach: AccessTokenReach = {}
  ): Promise<string> {
    const iat = Math.floor(clock.now().getTime() / 1_000)
    const claims: AccessTokenClaims = {
      iss: issuer,
      aud: reach.audience === undefined ? firstPartyAudience : audienceClaim(reach.audience),
      ...subject,
      iat,
      exp: Math.min(
        iat + (reach.ttlSeconds ?? ttlSeconds),
        reach.notAfter ?? Number.MAX_SAFE_INTEGER
      ),
      jti: uuidv4(),
      ...personal
    }
    return signJwt(TYP, claims, reach.alg)
  }

  /**
   * Checks signature, `typ`, `iss` and `exp`, and `aud` unless `audience` is null. Not revocation: that is the
   * feed's. A verified token is remembered by its hash, for as long as its key is in the ring.
   * @returns null for every token that is not a live one of ours
   * @throws {UnavailableError} when it cannot be known which keys are still good
   */
  async function verify(token: string, audience: string | null): Promise<AccessTokenClaims | null> {
    const tokenHash = hashOf(token)
    const known = verified.get(tokenHash)
    const entry = known ?? (await verifySignature(token))
    if (entry === null) return null
    // Garbage needs no Postgres; what would be believed may need it.
    await keyRing.catchUp()
    if (!isGood(entry)) {
      verified.delete(tokenHash)
      return null
    }
    if (known === undefined) rememberNewest(verified, tokenHash, entry, CACHE_LIMIT)
    return isMeantFor(entry.claims, audience) ? entry.claims : null
  }

  /**
   * The same for a token that is remembered, while the ring is known to be fresh.
   * @returns null where {@link verify} has to look
   */
  function recall(token: string, audience: string | null): AccessTokenClaims | null {
    const entry = verified.get(hashOf(token))
    if (entry === undefined || !keyRing.isFresh() || !isGood(entry)) return null
    return isMeantFor(entry.claims, audience) ? entry.claims : null
  }

  function isGood({ claims, key }: Verified): boolean {
    return (
      claims.exp > clock.now().getTime() / 1_000 && keyRing.verificationKey(key.kid) !== undefined
    )
  }

  async function verifySignature(token: string) {
    if (!token.split('.').every(isCanonicalBase64Url)) return null
    let found: RingKey | undefined
    try {
      const { payload } = await jwtVerify<AccessTokenClaims>(
        token,
        ({ kid, alg }) => {
          found = kid === undefined ? undefined : keyRing.verificationKey(kid)
          if (found === undefined) throw new errors.JWKSNoMatchingKey()
          // RFC 8725 §3.1: a key is for one algorithm, whatever the header says.
          if (found.alg !== alg) throw new errors.JOSEAlgNotAllowed()
          return found.publicKey
        },
        {
          algorithms: [...keyRing.algorithms],
          typ: TYP,
          issuer,
          currentDate: clock.now(),
          requiredClaims: ['sub', 'client_id', 'iat', 'exp', 'jti', 'aud']
        }
      )
      return found === undefined || !isAccountedFor(payload)
        ? null
        : { claims: payload, key: found }
    } catch (error) {
      if (error instanceof errors.JOSEError) return null
      throw error
    }
  }

  return { issue, verify, recall, ttlSeconds }
}

/** As text: a buffer for every look-up would take longer than the hash. */
const hashOf = (token: string) => hash('sha256', token)

function isMeantFor({ aud }: AccessTokenClaims, audience: string | null): boolean {
  if (audience === null) return true
  return Array.isArray(aud) ? aud.includes(audience) : aud === audience
}

/** Whose end would end it: a session, or the client that came by itself (or acts for one that did). */
function isAccountedFor({ sid, sub, client_id, act }: AccessTokenClaims): boolean {
  return sid !== undefined || sub === client_id || act !== undefined
}

/** One audience is a string, several are a list (RFC 7519 §4.1.3). */
function audienceClaim(audience: string[]): string | string[] {
  const [first = '', ...more] = audience
  return more.length === 0 ? first : audience
}
