import { createHmac, hash, randomInt, timingSafeEqual } from 'node:crypto'
import { takeRandomBytes } from './random.ts'
import { secretKeyOf } from './secret-key.ts'

/** No 0, 1, I, O: nothing that is read out or typed wrong. 32 characters, so one is worth 5 bits. */
const CODE_ALPHABET = '23456789ABCDEFGHJKLMNPQRSTUVWXYZ'
const CODE_LENGTH = 8

/** 256 random bits, URL-safe: 43 characters. */
export function randomToken(): string {
  return takeRandomBytes(32).toString('base64url')
}

export function sha256(value: string | Uint8Array): Buffer {
  return hash('sha256', value, 'buffer')
}

export function hmacSha256(key: Buffer, value: string | Uint8Array): Buffer {
  return createHmac('sha256', secretKeyOf(key)).update(value).digest()
}

/** Compares in a time that tells nothing about either. */
export function isSameSecret(shown: string, expected: string): boolean {
  return timingSafeEqual(sha256(shown), sha256(expected))
}

/** A code of 40 bits to type on another device, such as `7KQM-2XHD`. */
export function randomTypedCode(): string {
  const pick = () => CODE_ALPHABET.charAt(randomInt(CODE_ALPHABET.length))
  const code = Array.from({ length: CODE_LENGTH }, pick).join('')
  return `${code.slice(0, 4)}-${code.slice(4)}`
}

/** What was typed, as it was made: case, blanks and dashes do not matter. Null when it can be no code. */
export function canonicalTypedCode(typed: string): string | null {
  const code = typed.toUpperCase().replaceAll(/[\s-]/g, '')
  const isCode = code.length === CODE_LENGTH && /^[2-9A-HJ-NP-Z]+$/.test(code)
  return isCode ? code : null
}

/** Whether `text` is the one base64url spelling of its bytes: no padding, no stray bits (RFC 4648 §3.5). */
export function isCanonicalBase64Url(text: string): boolean {
  return text !== '' && Buffer.from(text, 'base64url').toString('base64url') === text
}
