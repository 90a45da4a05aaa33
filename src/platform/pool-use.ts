export type PoolUse = ReturnType<typeof createPoolUse>

/** What keeps Node's pool of threads, and with it the cores: a password hash takes one for some 20 ms. */
export function createPoolUse() {
  let hashes = 0

  async function whileHashing<T>(job: () => Promise<T>): Promise<T> {
    hashes += 1
    try {
      return await job()
    } finally {
      hashes -= 1
    }
  }

  return { whileHashing, isHashing: () => hashes > 0 }
}
