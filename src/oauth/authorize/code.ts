import type { ClaimsRequest } from '../claims.ts'
import { matchesChallenge } from '../pkce.ts'

/** What a code stands for. */
export type NewCode = {
  clientId: string
  userId: string
  parentId: string
  redirectUri: string
  scope: string
  audience: string[]
  claims: ClaimsRequest | null
  nonce: string | null
  codeChallenge: string | null
  dpopJkt: string | null
  authTime: Date
  amr: string[]
}

/** With the key of its person, as `sealedKeyOf` of the trail reads it. */
export type KeptCode = NewCode & { sealedKey: Uint8Array | null }

/** What is shown with a code. */
export type PresentedCode = {
  code: string
  clientId: string
  redirectUri: string | null
  verifier: string | null
  dpopJkt: string | null
  /** Which of the resources that were agreed to the first token is for. */
  resources: string[]
  idleSeconds: number
  absoluteSeconds: number
}

/** Why a code begins nothing. */
export type Refusal =
  /** A resource that nobody agreed to: the code is burnt, and nothing has begun (RFC 8707 §2.2). */
  { kind: 'wrong_target' } | { kind: 'unusable'; reason: string }

/** What comes of a code that does not fit what is shown with it; null where all fits. */
export function refusalOf(code: NewCode, presented: PresentedCode): Refusal | null {
  const fault = faultOf(code, presented)
  if (fault !== null) return { kind: 'unusable', reason: fault }
  const isAgreed = presented.resources.every((resource) => code.audience.includes(resource))
  return isAgreed ? null : { kind: 'wrong_target' }
}

function faultOf(code: NewCode, presented: PresentedCode): string | null {
  const { verifier, redirectUri, dpopJkt } = presented
  if (redirectUri !== code.redirectUri) return 'another redirect_uri'
  // A verifier without a challenge is a downgrade (RFC 9700 §4.8.2).
  if ((code.codeChallenge === null) !== (verifier === null)) return 'verifier missing or needless'
  if (code.codeChallenge !== null && !matchesChallenge(verifier ?? '', code.codeChallenge)) {
    return 'wrong verifier'
  }
  if (code.dpopJkt !== null && code.dpopJkt !== dpopJkt) return 'another DPoP key'
  return null
}
