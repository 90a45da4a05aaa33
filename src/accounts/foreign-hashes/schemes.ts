import { timingSafeEqual } from 'node:crypto'
import { foreignArgon2 } from './argon2.ts'
import { bcryptScheme } from './bcrypt.ts'
import { firebaseScrypt } from './firebase.ts'
import { djangoPbkdf2, werkzeugPbkdf2 } from './pbkdf2.ts'
import type { ForeignHash, Reading, Scheme } from './scheme.ts'
import { phcScrypt, werkzeugScrypt } from './scrypt.ts'

/** Every scheme that is understood. A hash stays in its own until its owner logs in. */
export const SCHEMES: readonly Scheme[] = [
  bcryptScheme,
  djangoPbkdf2,
  werkzeugPbkdf2,
  phcScrypt,
  werkzeugScrypt,
  firebaseScrypt,
  foreignArgon2
]

/** What our own hashes begin with, and no imported one. */
const OWN_PREFIX = '$argon2id$'
/**
 * Stands before an imported argon2id: its password was hashed as it was typed, ours are brought to one
 * spelling before.
 */
const IMPORTED_MARK = '$imported'

/** Reads a hash as other systems write it. Pure. */
export function readForeignHash(text: string): Reading {
  const scheme = SCHEMES.find(({ prefix }) => prefix.test(text))
  if (scheme === undefined) return { refusal: 'is of no known scheme' }
  const reading = scheme.read(text)
  return 'refusal' in reading ? { refusal: `${scheme.name} ${reading.refusal}` } : reading
}

/** How an imported hash is kept. */
export function toStoredHash(text: string): string {
  return text.startsWith(OWN_PREFIX) ? IMPORTED_MARK + text : text
}

/** Whether a kept hash came from elsewhere and was not replaced yet. */
export function isForeignHash(storedHash: string): boolean {
  return !storedHash.startsWith(OWN_PREFIX)
}

/** The other way round; null for what must never be computed, however it came here. */
export function readStoredHash(storedHash: string): ForeignHash | null {
  const isMarked = storedHash.startsWith(IMPORTED_MARK + OWN_PREFIX)
  const reading = readForeignHash(isMarked ? storedHash.slice(IMPORTED_MARK.length) : storedHash)
  return 'refusal' in reading ? null : reading
}

/** Compares in constant time. The password counts with the bytes that were typed. */
export async function matchesForeign(
  { expected, derive }: ForeignHash,
  password: string
): Promise<boolean> {
  const derived = await derive(Buffer.from(password))
  return derived.length === expected.length && timingSafeEqual(derived, expected)
}
