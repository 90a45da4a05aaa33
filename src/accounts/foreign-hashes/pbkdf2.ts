import { pbkdf2 } from 'node:crypto'
import { promisify } from 'node:util'
import { decodeBase64 } from '../../lib/base64.ts'
import { BOUNDS, MALFORMED, refuseLengths, type Reading, type Scheme } from './scheme.ts'

const derive = promisify(pbkdf2)

/** The digests, with the bytes they give: both writers keep exactly so many. */
const DIGEST_BYTES: Record<string, number> = { sha1: 20, sha256: 32, sha512: 64 }
const DJANGO = /^pbkdf2_(sha1|sha256)\$([0-9]{1,10})\$([^$]+)\$([^$]+)$/
const WERKZEUG = /^pbkdf2:(sha1|sha256|sha512):([0-9]{1,10})\$([^$]+)\$((?:[0-9a-f]{2})+)$/

/** `pbkdf2_sha256$ITERATIONS$SALT$BASE64`, as Django writes it. */
export const djangoPbkdf2: Scheme = {
  name: 'PBKDF2 (Django)',
  prefix: /^pbkdf2_/,
  read: (text) => read(DJANGO.exec(text), decodeBase64)
}

/** `pbkdf2:sha256:ITERATIONS$SALT$HEX`, as Werkzeug (Flask) writes it. */
export const werkzeugPbkdf2: Scheme = {
  name: 'PBKDF2 (Werkzeug)',
  prefix: /^pbkdf2:/,
  read: (text) => read(WERKZEUG.exec(text), (hex) => Buffer.from(hex, 'hex'))
}

function read(match: RegExpExecArray | null, decode: (text: string) => Buffer | null): Reading {
  const [, digest = '', count = '', saltText = '', encoded = ''] = match ?? []
  const expected = decode(encoded)
  const iterations = Number(count)
  if (expected?.length !== DIGEST_BYTES[digest] || expected === null) return MALFORMED
  if (iterations < 1 || iterations > BOUNDS.pbkdf2Iterations) {
    return { refusal: `has no 1 to ${BOUNDS.pbkdf2Iterations} iterations` }
  }
  const salt = Buffer.from(saltText)
  const refusal = refuseLengths(salt, expected)
  if (refusal !== null) return refusal
  return {
    expected,
    derive: (password) => derive(password, salt, iterations, expected.length, digest)
  }
}
