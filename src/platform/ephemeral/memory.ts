import { createListeners } from './listeners.ts'
import { EphemeralUnavailable, checkDuration, type EphemeralStore, type OnFault } from './store.ts'

type Entry = { count: number; expiresAtMs: number }

export type MemoryStoreOptions = {
  /** Milliseconds on any clock; the default never jumps with the wall clock. */
  now?: () => number
  maxEntries?: number
  onFault?: OnFault
}

const SWEEP_EVERY_MS = 1000

/** The ephemeral store of a single process: for development and tests, gone with the process. */
export function createMemoryStore({
  now = () => performance.now(),
  maxEntries = 100_000,
  onFault = () => {}
}: MemoryStoreOptions = {}): EphemeralStore {
  const entries = new Map<string, Entry>()
  const listeners = createListeners(onFault)
  let nextSweepAtMs = -Infinity
  let closed = false

  function checkOpen(verb: string): void {
    if (closed) throw new EphemeralUnavailable(verb, new Error('the store is closed'))
  }

  /** Writers sweep, at most once a second: no timer, and a flood of new keys stays cheap. */
  function sweep(nowMs: number): void {
    if (nowMs < nextSweepAtMs) return
    nextSweepAtMs = nowMs + SWEEP_EVERY_MS
    for (const [key, entry] of entries) {
      if (entry.expiresAtMs <= nowMs) entries.delete(key)
    }
  }

  /**
   * Adds one to a live entry or opens a new one. When full, new keys are refused, as if Redis were
   * away, and the callers' rules for an outage apply. To evict instead would let a flood of made-up
   * keys wash out the counter of the account under attack.
   */
  function increment(verb: string, key: string, lifeMs: number): Entry {
    checkOpen(verb)
    checkDuration(lifeMs)
    const nowMs = now()
    sweep(nowMs)
    const entry = entries.get(key)
    if (entry !== undefined && entry.expiresAtMs > nowMs) {
      entry.count += 1
      return entry
    }
    if (entry === undefined && entries.size >= maxEntries) {
      throw new EphemeralUnavailable(verb, new Error(`the store is full at ${maxEntries} entries`))
    }
    const opened = { count: 1, expiresAtMs: nowMs + lifeMs }
    entries.set(key, opened)
    return opened
  }

  return {
    kind: 'memory',

    count: (key, windowMs) =>
      promise(() => {
        const { count, expiresAtMs } = increment('count', `count:${key}`, windowMs)
        return { count, resetsInMs: Math.max(1, Math.ceil(expiresAtMs - now())) }
      }),

    counted: (key) =>
      promise(() => {
        checkOpen('counted')
        const entry = entries.get(`count:${key}`)
        return entry !== undefined && entry.expiresAtMs > now() ? entry.count : 0
      }),

    setIfAbsent: (key, ttlMs) =>
      promise(() => increment('setIfAbsent', `once:${key}`, ttlMs).count === 1),

    announce: (channel, message) =>
      promise(() => {
        checkOpen('announce')
        // Not within the announcer's call, as with Redis.
        queueMicrotask(() => {
          listeners.deliver(channel, message)
        })
      }),

    listen: (channel, onMessage) =>
      promise(() => {
        checkOpen('listen')
        const remove = listeners.add(channel, onMessage)
        return () => promise(() => void remove())
      }),

    isReachable: () => Promise.resolve(!closed),

    close: () =>
      promise(() => {
        closed = true
        entries.clear()
        listeners.clear()
      })
  }
}

/** Does the work now; a throw becomes a rejection. */
function promise<T>(work: () => T): Promise<T> {
  return new Promise((resolve) => {
    resolve(work())
  })
}
