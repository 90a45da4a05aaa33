import { decodeProtectedHeader, jwtVerify, type JWTPayload } from 'jose'
import type { Clock } from '../platform/clock.ts'
import type { VerifyAssertion } from './client-authentication.ts'
import type { ClientKeysOf } from './client-keys.ts'
import type { Client } from './client.ts'
import type { SpendJti } from './jti-store.ts'
import { isJwtFault } from './jwt-fault.ts'
import { CLIENT_ALGS } from './public-jwk.ts'

/** Longer-lived assertions could be stolen from logs; their `jti` would be remembered for as long. */
const MAX_LIFE_SECONDS = 3_600
const SKEW_SECONDS = 10
/** Another kind of JWT of this client, such as a request object, proves nothing here (RFC 8725 §3.11). */
const TYPES = ['JWT', 'client-authentication+jwt']

export type ClientAssertionsDeps = {
  keysOf: ClientKeysOf
  spendJti: SpendJti
  clock: Clock
  /** What `aud` may be: the issuer, and the endpoints that authenticate clients. */
  audience: string[]
}

/** `private_key_jwt`: a client that signs instead of telling a secret (RFC 7523 §3, OpenID Connect Core §9). */
export function createClientAssertions(deps: ClientAssertionsDeps): VerifyAssertion {
  const { keysOf, spendJti, clock, audience } = deps

  return async function verifyAssertion(client: Client, assertion: string): Promise<boolean> {
    const payload = await verify(client, assertion)
    if (payload === null) return false
    const { jti, exp = 0 } = payload
    const isShort = exp - clock.now().getTime() / 1_000 <= MAX_LIFE_SECONDS
    if (typeof jti !== 'string' || jti === '' || !isShort) return false
    const expiresAt = new Date((exp + SKEW_SECONDS) * 1_000)
    return spendJti({ kind: 'assertion', issuer: client.id, jti, expiresAt })
  }

  async function verify(client: Client, assertion: string): Promise<JWTPayload | null> {
    try {
      const { kid, typ } = decodeProtectedHeader(assertion)
      if (typ !== undefined && !TYPES.includes(typ)) return null
      const keys = await keysOf(client, kid)
      if (keys === null) return null
      const { payload } = await jwtVerify(assertion, keys, {
        // OpenID Connect Registration §2: one that was registered is the only one.
        algorithms: [client.metadata.token_endpoint_auth_signing_alg ?? CLIENT_ALGS].flat(),
        issuer: client.id,
        subject: client.id,
        audience,
        currentDate: clock.now(),
        clockTolerance: SKEW_SECONDS,
        requiredClaims: ['exp', 'jti']
      })
      return payload
    } catch (error) {
      if (isJwtFault(error)) return null
      throw error
    }
  }
}
