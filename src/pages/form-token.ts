import { hmacSha256, isSameSecret, randomToken } from '../lib/secrets.ts'

/** The value of the cookie that a browser's forms are bound to: 256 bits, also before any login. */
export function newFormSecret(): string {
  return randomToken()
}

export function isFormSecret(cookie: string | null): cookie is string {
  return cookie !== null && /^[\w-]{43}$/.test(cookie)
}

/** What the hidden field of a form carries: another one each time, so that no compression gives it away. */
export function newFormToken(secret: string): string {
  return tokenOf(secret, randomToken())
}

/** Whether a form was given to the browser that holds this cookie. */
export function isFormTokenOf(secret: string, token: string): boolean {
  const [nonce = ''] = token.split('.')
  return isSameSecret(token, tokenOf(secret, nonce))
}

function tokenOf(secret: string, nonce: string): string {
  const tag = hmacSha256(Buffer.from(secret), `form\0${nonce}`)
  return `${nonce}.${tag.toString('base64url')}`
}
