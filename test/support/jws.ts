import { createHmac, sign, type KeyLike, type SignKeyObjectInput } from 'node:crypto'

/** Anything JSON can say, also what no honest header says. */
export type Json = Record<string, unknown>

export const encode = (value: Json | string) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

/** The header of a JWT, unverified. */
export function headerOf(token: string): Json {
  return JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()) as Json
}

/** A JWS over exactly these two segments, whatever they hold. */
export function signSegments(
  header: string,
  payload: string,
  key: KeyLike | SignKeyObjectInput,
  digest = 'sha256'
): string {
  const body = `${header}.${payload}`
  return `${body}.${sign(digest, Buffer.from(body), key).toString('base64url')}`
}

/** A JWS that says what it is told to, signed with RSA. */
export function signJws(
  header: Json,
  payload: Json,
  key: KeyLike | SignKeyObjectInput,
  digest = 'sha256'
): string {
  return signSegments(encode(header), encode(payload), key, digest)
}

/** The same, "signed" with a shared secret. */
export function macJws(header: Json, payload: Json, secret: string | Buffer): string {
  const body = `${encode(header)}.${encode(payload)}`
  return `${body}.${createHmac('sha256', secret).update(body).digest('base64url')}`
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/**
 * Another spelling of the same bytes: a bit that base64url leaves unused is set.
 * @throws when the text has no such bit
 */
export function withStrayBit(segment: string): string {
  if (segment.length % 4 === 0) throw new Error('This segment has no unused bits.')
  const last = ALPHABET[ALPHABET.indexOf(segment.at(-1)!) ^ 1]!
  return segment.slice(0, -1) + last
}
