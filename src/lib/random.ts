import { randomFillSync } from 'node:crypto'
import { v7 } from 'uuid'

/** For some hundred calls. */
const POOL_BYTES = 4_096

const pool = Buffer.alloc(POOL_BYTES)
let usedBytes = POOL_BYTES

/**
 * Secret bytes of OpenSSL's generator, for what is made thousands of times a second: to ask it for 4 KiB takes as long
 * as to ask it for 32 bytes. What was given away is erased here, so that it is given once and kept nowhere.
 * @param length 1 to 4,096
 */
export function takeRandomBytes(length: number): Buffer {
  if (length > POOL_BYTES) throw new RangeError(`At most ${POOL_BYTES} random bytes at once.`)
  if (usedBytes + length > POOL_BYTES) {
    randomFillSync(pool)
    usedBytes = 0
  }
  const taken = pool.subarray(usedBytes, usedBytes + length)
  usedBytes += length
  const bytes = Buffer.from(taken)
  taken.fill(0)
  return bytes
}

/** A UUIDv7 (RFC 9562 §5.7) of that time. */
export function uuidv7At(time: Date): string {
  return v7({ msecs: time.getTime(), random: takeRandomBytes(16) })
}
