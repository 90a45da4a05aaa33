import { createMemoryStore } from './memory.ts'
import { createRedisStore } from './redis.ts'
import type { EphemeralStore, OnFault } from './store.ts'

export { EphemeralUnavailable, type EphemeralStore, type OnFault } from './store.ts'

export type EphemeralStoreOptions = {
  /** Undefined: in this process only. */
  redisUrl: string | undefined
  onFault?: OnFault
}

export async function createEphemeralStore({
  redisUrl,
  ...options
}: EphemeralStoreOptions): Promise<EphemeralStore> {
  return redisUrl === undefined
    ? createMemoryStore(options)
    : createRedisStore({ url: redisUrl, ...options })
}
