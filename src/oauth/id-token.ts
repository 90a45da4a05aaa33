import { hash } from 'node:crypto'
import type { User } from '../accounts/user.ts'
import type { Clock } from '../platform/clock.ts'
import type { LiveSession } from '../sessions/session.ts'
import type { SignJwt } from '../signing/jwt-signer.ts'
import { claimsAbout, type ClaimsRequest } from './claims.ts'

/** Of a person who has shown a password; nothing stronger is told apart yet. */
export const ACR = 'urn:latchkey:acr:password'

const TTL_SECONDS = 600

export type IssueIdToken = ReturnType<typeof createIdTokens>

export type IdTokenDeps = { signJwt: SignJwt; clock: Clock; issuer: string }

export type IdTokenInput = {
  session: Pick<LiveSession, 'id' | 'clientId' | 'authTime' | 'amr'>
  sub: string
  accessToken: string
  nonce: string | null
  /** The person, where the `claims` parameter asks for more than who they are. */
  user: User | null
  claims: ClaimsRequest | null
}

/** ID tokens (OpenID Connect Core §2): who logged in, told to the client and to nobody else. */
export function createIdTokens({ signJwt, clock, issuer }: IdTokenDeps) {
  return async function issueIdToken(input: IdTokenInput): Promise<string> {
    const { session, sub, accessToken, nonce, user, claims } = input
    const iat = Math.floor(clock.now().getTime() / 1_000)
    return signJwt('JWT', {
      ...(user !== null && claimsAbout(user, [], claims?.id_token ?? {})),
      iss: issuer,
      sub,
      aud: session.clientId,
      iat,
      exp: iat + TTL_SECONDS,
      auth_time: Math.floor(session.authTime.getTime() / 1_000),
      acr: ACR,
      amr: session.amr,
      sid: session.id,
      at_hash: leftHalf(accessToken),
      ...(nonce !== null && { nonce })
    })
  }
}

/** Ties the access token to the ID token beside it (OpenID Connect Core §3.1.3.6). */
function leftHalf(accessToken: string): string {
  return hash('sha256', accessToken, 'buffer').subarray(0, 16).toString('base64url')
}
