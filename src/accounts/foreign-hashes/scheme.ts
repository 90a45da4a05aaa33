/**
 * A hash that another system made, read: what a right password derives to, and how. `derive` sees the
 * bytes of the password as they were typed and runs off the main thread.
 */
export type ForeignHash = { expected: Buffer; derive: (password: Buffer) => Promise<Buffer> }

/** A hash that can be checked, or a sentence on why it never will be; the sentence holds no part of it. */
export type Reading = ForeignHash | { refusal: string }

/** One way in which other systems write password hashes. */
export type Scheme = {
  name: string
  /** How every hash of the scheme begins, and no hash of another one. */
  prefix: RegExp
  /** Pure: parses and judges what the hash asks for. */
  read: (text: string) => Reading
}

/**
 * What a foreign hash may ask for at each login (a stranger starts logins, and several run at once):
 * 128 MiB, and about a second of one core. The loosest recommendations of OWASP and the defaults of
 * Django, Werkzeug, passlib, PHP and Firebase stay below.
 */
export const BOUNDS = {
  bcryptCost: { min: 4, max: 14 },
  pbkdf2Iterations: 2_000_000,
  /** 128 · N · r, and argon2's memory. */
  memoryKib: 128 * 1_024,
  /** N · r · p: blocks that scrypt mixes. */
  scryptBlocks: 2 ** 21,
  /** Memory times passes. */
  argon2Kib: 1_024 * 1_024,
  lanes: 16,
  saltBytes: 256
}

/** A shorter one would be met by chance, or by searching. */
const MIN_EXPECTED_BYTES = 16
const MAX_EXPECTED_BYTES = 64

export const MALFORMED: Reading = { refusal: 'is malformed' }

/** @returns why a salt and a hash of these lengths are not taken, or null */
export function refuseLengths(salt: Buffer, expected: Buffer): Reading | null {
  if (salt.length > BOUNDS.saltBytes) {
    return { refusal: `has a salt of more than ${BOUNDS.saltBytes} bytes` }
  }
  if (expected.length < MIN_EXPECTED_BYTES || expected.length > MAX_EXPECTED_BYTES) {
    return { refusal: `is not of ${MIN_EXPECTED_BYTES} to ${MAX_EXPECTED_BYTES} bytes` }
  }
  return null
}
