import { parse as parseUuid } from 'uuid'
import { isCanonicalBase64Url } from '../lib/secrets.ts'

/** Tells secret scanners and readers what it is; a refresh token begins otherwise. */
const PREFIX = 'lkb_'
const SID_BYTES = 16
const SECRET_BYTES = 32

/** What a browser's cookie says. Only Postgres knows whether it holds. */
export type BrowserClaim = { sessionId: string; secret: Buffer }

/** `lkb_` + base64url of `sid . secret` (16 + 32 random bytes). */
export function writeBrowserCookieValue({ sessionId, secret }: BrowserClaim): string {
  return PREFIX + Buffer.concat([parseUuid(sessionId), secret]).toString('base64url')
}

/** @returns null, never a throw, for anything that cannot have been written here */
export function openBrowserCookieValue(cookie: string | null | undefined): BrowserClaim | null {
  const body = cookie?.slice(PREFIX.length) ?? ''
  if (cookie?.startsWith(PREFIX) !== true || !isCanonicalBase64Url(body)) return null
  const bytes = Buffer.from(body, 'base64url')
  if (bytes.length !== SID_BYTES + SECRET_BYTES) return null
  return {
    sessionId: bytes.toString('hex', 0, SID_BYTES).replace(UUID, '$1-$2-$3-$4-$5'),
    secret: bytes.subarray(SID_BYTES)
  }
}

/** Any 16 bytes: the strict parser of uuids would throw for those that are none. */
const UUID = /^(.{8})(.{4})(.{4})(.{4})(.{12})$/
