import { createSecretKey, type KeyObject } from 'node:crypto'

const keyObjects = new WeakMap<Buffer, KeyObject>()

/**
 * A key as node:crypto wants it. Given plain bytes it makes such an object at every call, which takes
 * five times as long as a short HMAC itself.
 * @param key bytes that never change
 */
export function secretKeyOf(key: Buffer): KeyObject {
  const known = keyObjects.get(key)
  if (known !== undefined) return known
  const made = createSecretKey(key)
  keyObjects.set(key, made)
  return made
}
