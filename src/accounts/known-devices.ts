import { timingSafeEqual } from 'node:crypto'
import { hmacSha256, isCanonicalBase64Url, randomToken, sha256 } from '../lib/secrets.ts'
import type { DataKeys } from '../platform/keys/data-keys.ts'
import type { KnownDeviceStore } from './known-device-store.ts'

export const DEVICE_SECONDS = 90 * 86_400

export type KnownDevices = ReturnType<typeof createKnownDevices>

export type KnownDevicesDeps = { store: KnownDeviceStore; dataKeys: DataKeys }

/** What is kept of a device cookie, whoever it may be for; null without one. */
export function deviceHashOf(cookie: string | null): Buffer | null {
  return cookie === null ? null : sha256(cookie.split('.')[0] ?? '')
}

/**
 * Browsers that have logged in before. Their cookie is a nonce and its MAC with the person's id; it opens
 * nothing, but guesses from such a browser have a count of their own, so that nobody can lock its owner out.
 */
export function createKnownDevices({ store, dataKeys }: KnownDevicesDeps) {
  const mac = (key: Buffer, nonce: string, userId: string) => hmacSha256(key, `${userId}\0${nonce}`)

  /** @returns what to call the lane of this browser, or null when it is not known for this person */
  async function recognize(cookie: string | null, userId: string): Promise<string | null> {
    const [nonce = '', tag = '', ...rest] = cookie?.split('.') ?? []
    if (rest.length > 0 || !isCanonicalBase64Url(nonce) || !isCanonicalBase64Url(tag)) return null
    const shown = Buffer.from(tag, 'base64url')
    const isOurs = dataKeys.ofPurpose('device').some(({ key }) => {
      const expected = mac(key, nonce, userId)
      return shown.length === expected.length && timingSafeEqual(shown, expected)
    })
    const nonceHash = sha256(nonce)
    return isOurs && (await store.isKnown(userId, nonceHash)) ? nonceHash.toString('hex') : null
  }

  /**
   * Gives a browser its cookie, which is of no use if the password was replaced since it was shown. The
   * oldest of a person's browsers make room.
   */
  async function remember(userId: string, passwordHash: string): Promise<string> {
    const nonce = randomToken()
    await store.add({ userId, passwordHash }, sha256(nonce), DEVICE_SECONDS)
    return `${nonce}.${mac(dataKeys.newest('device'), nonce, userId).toString('base64url')}`
  }

  return { recognize, remember }
}
