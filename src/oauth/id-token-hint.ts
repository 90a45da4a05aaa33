import { compactVerify, decodeProtectedHeader, errors } from 'jose'
import type { KeptKey, KeyRing } from '../signing/key-ring.ts'

/** What an ID token of ours says, however old it is. */
export type HintClaims = { sub: string; aud: string; sid: string }

export type ReadIdTokenHint = ReturnType<typeof createIdTokenHints>

export type IdTokenHintsDeps = { keyRing: KeyRing; issuer: string }

/** Hints name who is meant; they are no credentials, so an expired one will do (OpenID Connect Core §3.1.2.1). */
export function createIdTokenHints({ keyRing, issuer }: IdTokenHintsDeps) {
  /** @returns null for whatever is not an ID token that was signed here */
  return async function readIdTokenHint(hint: string): Promise<HintClaims | null> {
    try {
      const { kid, typ } = decodeProtectedHeader(hint)
      const find = () => keyRing.all().find((candidate) => candidate.kid === kid)
      const key = find()
      if (key === undefined || isDropped(key) || typ !== 'JWT') return null
      const { payload } = await compactVerify(hint, key.publicKey, { algorithms: [key.alg] })
      await keyRing.catchUp()
      const held = find()
      if (held === undefined || isDropped(held)) return null
      const { iss, sub, aud, sid } = JSON.parse(new TextDecoder().decode(payload)) as Record<
        string,
        unknown
      >
      const isOurs = iss === issuer && typeof sub === 'string' && typeof aud === 'string'
      return isOurs && typeof sid === 'string' ? { sub, aud, sid } : null
    } catch (error) {
      if (error instanceof errors.JOSEError || error instanceof TypeError) return null
      throw error
    }
  }
}

/** A key that retired in order leaves its old hints good; one that went at once may be in other hands. */
function isDropped({ retiringAt, goneAt }: KeptKey): boolean {
  return goneAt !== null && (retiringAt === null || goneAt <= retiringAt)
}
