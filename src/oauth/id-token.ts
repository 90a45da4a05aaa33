import { hash } from 'node:crypto'
import type { User } from '../accounts/user.ts'
import type { Clock } from '../platform/clock.ts'
import type { LiveSession } from '../sessions/session.ts'
import { hashOf, type SigningAlgorithm } from '../signing/algorithm.ts'
import type { SignJwt } from '../signing/jwt-signer.ts'
import type { KeyRing } from '../signing/key-ring.ts'
import { ID_TOKEN_SECONDS } from '../tokens/lifetimes.ts'
import { claimsAbout, type ClaimsRequest } from './claims.ts'

/** Of a person who has shown a password; nothing stronger is told apart yet. */
export const ACR = 'urn:latchkey:acr:password'

export type IssueIdToken = ReturnType<typeof createIdTokens>

export type IdTokenDeps = { keyRing: KeyRing; signJwt: SignJwt; clock: Clock; issuer: string }

export type IdTokenInput = {
  session: Pick<LiveSession, 'id' | 'clientId' | 'authTime' | 'amr'>
  sub: string
  accessToken: string
  nonce: string | null
  /** Which ring signs it. */
  alg: SigningAlgorithm
  /** The person, where the `claims` parameter asks for more than who they are. */
  user: User | null
  claims: ClaimsRequest | null
}

/** ID tokens (OpenID Connect Core §2): who logged in, told to the client and to nobody else. */
export function createIdTokens({ keyRing, signJwt, clock, issuer }: IdTokenDeps) {
  return async function issueIdToken(input: IdTokenInput): Promise<string> {
    const { session, sub, accessToken, nonce, alg: chosen, user, claims } = input
    // Of a ring that is there no more, RS256 takes the place.
    const { alg } = keyRing.signingKey(chosen)
    const iat = Math.floor(clock.now().getTime() / 1_000)
    const idToken = {
      ...(user !== null && claimsAbout(user, [], claims?.id_token ?? {})),
      iss: issuer,
      sub,
      aud: session.clientId,
      iat,
      exp: iat + ID_TOKEN_SECONDS,
      auth_time: Math.floor(session.authTime.getTime() / 1_000),
      acr: ACR,
      amr: session.amr,
      sid: session.id,
      at_hash: leftHalf(accessToken, alg),
      ...(nonce !== null && { nonce })
    }
    return signJwt('JWT', idToken, alg)
  }
}

/** Ties the access token to the ID token beside it (OpenID Connect Core §3.1.3.6). */
function leftHalf(accessToken: string, alg: SigningAlgorithm): string {
  const digest = hash(hashOf(alg), accessToken, 'buffer')
  return digest.subarray(0, digest.length / 2).toString('base64url')
}
