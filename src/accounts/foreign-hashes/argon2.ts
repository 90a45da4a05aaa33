import { argon2 } from '../argon2.ts'
import { decodeBase64 } from '../../lib/base64.ts'
import { BOUNDS, MALFORMED, refuseLengths, type Reading, type Scheme } from './scheme.ts'

const FORM =
  /^\$(argon2id|argon2i|argon2d)(?:\$v=(16|19))?\$m=([0-9]{1,10}),t=([0-9]{1,10}),p=([0-9]{1,4})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/
const TYPES = {
  argon2d: argon2.argon2d,
  argon2i: argon2.argon2i,
  argon2id: argon2.argon2id
} as const
/** What the function itself wants of a salt (RFC 9106 §3.1). */
const MIN_SALT_BYTES = 8
/** A string without `v` is from before version 19. */
const OLDEST_VERSION = '16'

/** `$argon2id$v=19$m=…,t=…,p=…$SALT$HASH`, a PHC string; the same for argon2i and argon2d. */
export const foreignArgon2: Scheme = { name: 'argon2', prefix: /^\$argon2(id|i|d)\$/, read }

function read(text: string): Reading {
  const [, name, version = OLDEST_VERSION, m, t, p, saltText = '', hash = ''] =
    FORM.exec(text) ?? []
  const salt = decodeBase64(saltText)
  const expected = decodeBase64(hash)
  if (salt === null || expected === null || salt.length < MIN_SALT_BYTES) return MALFORMED
  const cost = { memoryCost: Number(m), timeCost: Number(t), parallelism: Number(p) }
  const refusal = refuseCost(cost) ?? refuseLengths(salt, expected)
  if (refusal !== null) return refusal
  const type = TYPES[name as keyof typeof TYPES]
  const options = { ...cost, type, version: Number(version), salt, hashLength: expected.length }
  return { expected, derive: (password) => argon2.hash(password, { ...options, raw: true }) }
}

type Argon2Cost = { memoryCost: number; timeCost: number; parallelism: number }

function refuseCost({ memoryCost, timeCost, parallelism }: Argon2Cost): Reading | null {
  if (parallelism < 1 || parallelism > BOUNDS.lanes || timeCost < 1) {
    return { refusal: `has no passes, or not 1 to ${BOUNDS.lanes} lanes` }
  }
  if (memoryCost < 8 * parallelism || memoryCost > BOUNDS.memoryKib) {
    return { refusal: `does not ask for 8 KiB a lane to ${BOUNDS.memoryKib} KiB of memory` }
  }
  if (memoryCost * timeCost > BOUNDS.argon2Kib) {
    return { refusal: `asks for more than ${BOUNDS.argon2Kib} KiB of work (memory times passes)` }
  }
  return null
}
