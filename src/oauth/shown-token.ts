import type { AccessTokenClaims } from '../tokens/access-token.ts'
import { OAuthError } from '../errors.ts'
import type { VerifyDpop } from './dpop.ts'

/** What of a request's headers says who asks. */
type Headers = { authorization?: string | undefined; dpop?: string | string[] | undefined }

/** An access token as it came. */
export type ShownToken = { token: string; scheme: 'Bearer' | 'DPoP'; proof: string | undefined }

/** The token of the header, or of a form (RFC 6750 §2.2); never of a URL. @throws {OAuthError} */
export function readShownToken(headers: Headers, inForm?: string): ShownToken {
  const { authorization } = headers
  const [, scheme = '', token] = /^(Bearer|DPoP) +([\w~+/.-]+=*)$/i.exec(authorization ?? '') ?? []
  if (token !== undefined && inForm !== undefined) {
    throw new OAuthError('invalid_request', 'Show the token in one way, not in two.')
  }
  const shown = token ?? inForm
  if (shown === undefined) throw invalidToken('no token')
  return {
    token: shown,
    scheme: /^dpop$/i.test(scheme) ? 'DPoP' : 'Bearer',
    proof: dpopHeader({ headers })
  }
}

/** A repeated header is joined, and so is no proof (RFC 9449 §4.3). */
export function dpopHeader({ headers }: { headers: Headers }): string | undefined {
  return headers.dpop === undefined ? undefined : [headers.dpop].flat().join(',')
}

export type RequireBinding = ReturnType<typeof createBindingRule>

/** A bound token opens with its key only, and is no bearer token (RFC 9449 §7.1). */
export function createBindingRule(verifyDpop: VerifyDpop) {
  /** @throws {OAuthError} `invalid_token`, `invalid_dpop_proof` */
  return async function requireBinding(
    { cnf }: AccessTokenClaims,
    { token, scheme, proof }: ShownToken,
    { method, url }: { method: string; url: string }
  ): Promise<void> {
    if (cnf === undefined) {
      if (scheme === 'DPoP') throw invalidToken('not bound to a key')
      return
    }
    if (scheme !== 'DPoP' || proof === undefined) throw invalidToken('bound, but shown as Bearer')
    const jkt = await verifyDpop({ proof, method, url, accessToken: token })
    if (jkt !== cnf.jkt) throw invalidToken('bound to another key')
  }
}

export function invalidToken(reason: string): OAuthError {
  return new OAuthError('invalid_token', 'This token is not valid (any more).', { reason })
}
