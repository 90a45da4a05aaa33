import { timingSafeEqual } from 'node:crypto'
import { parse as parseUuid, stringify as stringifyUuid } from 'uuid'
import type { NamedKey } from '../lib/aes-gcm.ts'
import { hmacSha256, isCanonicalBase64Url } from '../lib/secrets.ts'

/** Tells secret scanners and readers what it is. */
const PREFIX = 'lkr_'
const VERSION = 1
const SECRET_BYTES = 32
const MAC_BYTES = 32
const SID_AT = 5
const GENERATION_AT = SID_AT + 16
const SECRET_AT = GENERATION_AT + 4
const MAC_AT = SECRET_AT + SECRET_BYTES
const TOKEN_BYTES = MAC_AT + MAC_BYTES

/** What a refresh token says once its MAC has been checked. Only Postgres knows whether it still holds. */
export type RefreshClaim = { sessionId: string; generation: number; secret: Buffer }

/**
 * `lkr_` + base64url of `version . keyId . sid . generation . secret . mac`
 * (1 + 4 + 16 + 4 + 32 + 32 bytes), `mac` = HMAC-SHA-256 over all before it. The same claim under the
 * same key is always the same string: that is how a lost answer is given again.
 */
export function writeRefreshToken(claim: RefreshClaim, macKey: NamedKey): string {
  const bytes = Buffer.alloc(TOKEN_BYTES)
  bytes.writeUInt8(VERSION, 0)
  bytes.write(macKey.id, 1, 'hex')
  bytes.set(parseUuid(claim.sessionId), SID_AT)
  bytes.writeUInt32BE(claim.generation, GENERATION_AT)
  claim.secret.copy(bytes, SECRET_AT)
  hmacSha256(macKey.key, bytes.subarray(0, MAC_AT)).copy(bytes, MAC_AT)
  return PREFIX + bytes.toString('base64url')
}

/**
 * Checks the MAC: garbage never reaches Postgres.
 * @param keyById the refresh MAC key of an id, or undefined
 * @returns null, never a throw, for anything that was not written here
 */
export function openRefreshToken(
  token: string,
  keyById: (id: string) => Buffer | undefined
): RefreshClaim | null {
  const body = token.slice(PREFIX.length)
  if (!token.startsWith(PREFIX) || !isCanonicalBase64Url(body)) return null
  const bytes = Buffer.from(body, 'base64url')
  if (bytes.length !== TOKEN_BYTES || bytes[0] !== VERSION) return null
  const key = keyById(bytes.toString('hex', 1, SID_AT))
  if (key === undefined) return null
  const mac = hmacSha256(key, bytes.subarray(0, MAC_AT))
  if (!timingSafeEqual(mac, bytes.subarray(MAC_AT))) return null
  return {
    sessionId: stringifyUuid(bytes.subarray(SID_AT, GENERATION_AT)),
    generation: bytes.readUInt32BE(GENERATION_AT),
    secret: Buffer.from(bytes.subarray(SECRET_AT, MAC_AT))
  }
}
