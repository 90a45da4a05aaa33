import { hash, timingSafeEqual } from 'node:crypto'

/** 43 to 128 unreserved characters (RFC 7636 §4.1). */
const VERIFIER = /^[\w.~-]{43,128}$/
/** What SHA-256 makes of one: 43 characters of base64url. */
export const CHALLENGE = /^[\w-]{43}$/

/**
 * Whether `verifier` is the preimage of an S256 `challenge` (RFC 7636 §4.6), in constant time.
 * @returns false, never a throw, for anything malformed
 */
export function matchesChallenge(verifier: string, challenge: string): boolean {
  if (!VERIFIER.test(verifier) || challenge.length !== 43) return false
  const expected = Buffer.from(hash('sha256', verifier, 'base64url'))
  const actual = Buffer.from(challenge)
  return expected.length === actual.length && timingSafeEqual(expected, actual)
}
