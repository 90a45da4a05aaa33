import { hash } from 'node:crypto'
import { calculateJwkThumbprint, decodeProtectedHeader, importJWK, jwtVerify } from 'jose'
import type { JWK } from 'jose'
import { OAuthError } from '../errors.ts'
import { isSameSecret } from '../lib/secrets.ts'
import type { Clock } from '../platform/clock.ts'
import type { SpendJti } from './jti-store.ts'
import { isJwtFault } from './jwt-fault.ts'
import { CLIENT_ALGS } from './public-jwk.ts'

/** How far a client's clock may be off, and so how long a proof can be shown at all. */
const WINDOW_SECONDS = 60
const MAX_PROOF_LENGTH = 8_192

export type DpopCall = {
  /** The header as it came; a repeated one is joined by a comma and is no JWT. */
  proof: string
  method: string
  /** The endpoint, without query and fragment. */
  url: string
  /** The access token beside it, at a resource (§7). */
  accessToken?: string
}

export type VerifyDpop = ReturnType<typeof createDpop>

export type DpopDeps = { clock: Clock; spendJti: SpendJti }

/** DPoP proofs (RFC 9449 §4.3): who shows one holds a private key, now, for this very request. */
export function createDpop({ clock, spendJti }: DpopDeps) {
  /**
   * @returns the thumbprint of the key
   * @throws {OAuthError} `invalid_dpop_proof`, with the same text for every reason
   */
  return async function verifyDpop({ proof, method, url, accessToken }: DpopCall): Promise<string> {
    const { jwk, alg } = readHeader(proof)
    const payload = await verify(proof, jwk, alg)
    const { htm, htu, iat, jti, ath } = payload
    const nowSeconds = clock.now().getTime() / 1_000
    if (htm !== method || !isSameUrl(htu, url)) throw refused('for another request')
    if (typeof iat !== 'number' || Math.abs(nowSeconds - iat) > WINDOW_SECONDS) {
      throw refused('too old, or from the future')
    }
    if (typeof jti !== 'string' || jti.length < 8 || jti.length > 256) throw refused('no jti')
    if (accessToken !== undefined) {
      const expected = hash('sha256', accessToken, 'base64url')
      if (typeof ath !== 'string' || !isSameSecret(ath, expected)) {
        throw refused('for another access token')
      }
    }
    const jkt = await calculateJwkThumbprint(jwk)
    const expiresAt = new Date((iat + 2 * WINDOW_SECONDS) * 1_000)
    if (!(await spendJti({ kind: 'dpop', issuer: jkt, jti, expiresAt }))) {
      throw refused('shown before')
    }
    return jkt
  }

  async function verify(proof: string, jwk: JWK, alg: string): Promise<Record<string, unknown>> {
    try {
      const key = await importJWK(jwk, alg)
      const { payload } = await jwtVerify(proof, key, {
        algorithms: CLIENT_ALGS,
        typ: 'dpop+jwt',
        currentDate: clock.now()
      })
      return payload
    } catch (error) {
      if (isJwtFault(error)) throw refused('wrong signature, or no usable key', error)
      throw error
    }
  }
}

/** The key travels in the header (§4.2): a public one, of an algorithm that we allow. */
function readHeader(proof: string): { jwk: JWK; alg: string } {
  if (proof.length > MAX_PROOF_LENGTH) throw refused('too long')
  try {
    const { jwk, alg } = decodeProtectedHeader(proof)
    const isPublic = jwk !== undefined && !('d' in jwk) && !('k' in jwk)
    if (isPublic && alg !== undefined && CLIENT_ALGS.includes(alg)) return { jwk, alg }
  } catch (error) {
    throw refused('not a JWT', error)
  }
  throw refused('no public key, or an algorithm that is not allowed')
}

/** Without query and fragment, as URLs are compared (RFC 3986 §6.2.2, §6.2.3). */
function isSameUrl(shown: unknown, url: string): boolean {
  const parsed = typeof shown === 'string' ? URL.parse(shown) : null
  return parsed !== null && parsed.origin + parsed.pathname === url
}

function refused(reason: string, cause?: unknown): OAuthError {
  return new OAuthError('invalid_dpop_proof', 'The DPoP proof is not valid for this request.', {
    reason,
    cause
  })
}
