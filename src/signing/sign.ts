import { sign } from 'node:crypto'
import { promisify } from 'node:util'
import type { PoolUse } from '../platform/pool-use.ts'
import type { SigningJob, SigningThread } from './signing-thread.ts'

export type Sign = (job: SigningJob) => Promise<Buffer>

const signAsync: (digest: string | null, data: Buffer, key: SigningJob['key']) => Promise<Buffer> =
  promisify(sign)

/** Off the main thread, in Node's pool: a signature costs 270 µs and is nearly all that an answer costs. */
export const signInPool: Sign = ({ digest, text, key }) => signAsync(digest, Buffer.from(text), key)

/**
 * While passwords are hashed, the pool's threads are at it, and step back behind everybody: a signature would wait
 * for a core as long as a hash does. Then a thread signs that does nothing else.
 */
export function createSign(pool: PoolUse, thread: SigningThread): Sign {
  return async (job) => {
    const signature = pool.isHashing() ? await thread.sign(job) : null
    return signature ?? signInPool(job)
  }
}
