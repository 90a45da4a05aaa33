import { scrypt, type ScryptOptions } from 'node:crypto'
import { decodeBase64 } from '../../lib/base64.ts'
import { BOUNDS, MALFORMED, refuseLengths, type Reading, type Scheme } from './scheme.ts'

/** RFC 7914 §2: N is 2 to the power of `logN`. */
export type ScryptCost = { logN: number; r: number; p: number }

const PHC =
  /^\$scrypt\$ln=([0-9]{1,2}),r=([0-9]{1,4}),p=([0-9]{1,4})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/
const WERKZEUG = /^scrypt:([0-9]{1,10}):([0-9]{1,4}):([0-9]{1,4})\$([^$]+)\$((?:[0-9a-f]{2})+)$/

/** `$scrypt$ln=16,r=8,p=1$SALT$HASH`, a PHC string as passlib and others write it. */
export const phcScrypt: Scheme = {
  name: 'scrypt (PHC)',
  prefix: /^\$scrypt\$/,
  read(text) {
    const [, logN, r, p, salt = '', hash = ''] = PHC.exec(text) ?? []
    const cost = { logN: Number(logN), r: Number(r), p: Number(p) }
    return read(cost, decodeBase64(salt), decodeBase64(hash))
  }
}

/** `scrypt:N:r:p$SALT$HEX`, as Werkzeug (Flask) writes it. */
export const werkzeugScrypt: Scheme = {
  name: 'scrypt (Werkzeug)',
  prefix: /^scrypt:/,
  read(text) {
    const [, n, r, p, salt = '', hex = ''] = WERKZEUG.exec(text) ?? []
    const cost = { logN: Math.log2(Number(n)), r: Number(r), p: Number(p) }
    return read(cost, Buffer.from(salt), Buffer.from(hex, 'hex'))
  }
}

function read(cost: ScryptCost, salt: Buffer | null, expected: Buffer | null): Reading {
  if (salt === null || expected === null || expected.length === 0) return MALFORMED
  const refusal = refuseScryptCost(cost) ?? refuseLengths(salt, expected)
  if (refusal !== null) return refusal
  return { expected, derive: (password) => deriveScrypt(password, salt, cost, expected.length) }
}

/** @returns why it is not computed, or null */
export function refuseScryptCost({ logN, r, p }: ScryptCost): Reading | null {
  if (!Number.isInteger(logN) || logN < 1 || logN > 24 || r < 1 || p < 1 || p > BOUNDS.lanes) {
    return { refusal: 'asks for a cost that scrypt does not have' }
  }
  const blocks = 2 ** logN * r
  if (blocks > BOUNDS.memoryKib * 8) {
    return { refusal: `asks for more than ${BOUNDS.memoryKib} KiB of memory` }
  }
  if (blocks * p > BOUNDS.scryptBlocks) {
    return {
      refusal: `asks for more than ${BOUNDS.scryptBlocks} blocks of work (N times r times p)`
    }
  }
  return null
}

export async function deriveScrypt(
  password: Buffer,
  salt: Buffer,
  { logN, r, p }: ScryptCost,
  bytes: number
): Promise<Buffer> {
  const options: ScryptOptions = { N: 2 ** logN, r, p, maxmem: 2 * BOUNDS.memoryKib * 1_024 }
  return new Promise((resolve, reject) => {
    scrypt(password, salt, bytes, options, (error, derived) => {
      if (error === null) resolve(derived)
      else reject(error)
    })
  })
}
