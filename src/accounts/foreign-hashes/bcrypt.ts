import bcrypt from 'bcrypt'
import { BOUNDS, MALFORMED, type Reading, type Scheme } from './scheme.ts'

const FORM = /^\$2[aby]\$([0-9]{2})\$([./A-Za-z0-9]{22})([./A-Za-z0-9]{31})$/

/**
 * `$2a$`, `$2b$` and `$2y$` name one function, whose makers fixed different mistakes; all are computed as
 * `$2b$`. It looks at 72 bytes. `$2x$` is the mistake of 2011 itself and is not taken.
 */
export const bcryptScheme: Scheme = { name: 'bcrypt', prefix: /^\$2[abxy]\$/, read }

function read(text: string): Reading {
  if (text.startsWith('$2x$')) return { refusal: 'is of the broken kind $2x$' }
  const [, cost = '', salt = '', digest = ''] = FORM.exec(text) ?? []
  if (digest === '') return MALFORMED
  const { min, max } = BOUNDS.bcryptCost
  if (Number(cost) < min || Number(cost) > max)
    return { refusal: `has no cost of ${min} to ${max}` }
  return {
    expected: Buffer.from(digest),
    // The salt's last character carries two unused bits that some writers set: only the digest counts.
    derive: async (password) =>
      Buffer.from((await bcrypt.hash(password, `$2b$${cost}$${salt}`)).slice(-digest.length))
  }
}
