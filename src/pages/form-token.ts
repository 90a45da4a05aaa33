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
  const nonce = randomToken()
  return `${nonce}.${tagOf(secret, nonce)}`
}

/** Whether a form was given to the browser that holds this cookie. */
export function isFormTokenOf(secret: string, token: string): boolean {
  const [nonce = '', tag = ''] = token.split('.')
  return isSameSecret(tag, tagOf(secret, nonce))
}

function tagOf(secret: string, nonce: string): string {
  return hmacSha256(Buffer.from(secret), `form\0${nonce}`).toString('base64url')
}
