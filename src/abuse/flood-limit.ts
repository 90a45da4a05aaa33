import { hmacSha256 } from '../lib/secrets.ts'
import type { DataKeys } from '../platform/keys/data-keys.ts'
import { createMemoryStore } from '../platform/ephemeral/memory.ts'
import { EphemeralUnavailable, type EphemeralStore } from '../platform/ephemeral/store.ts'

/** While Redis is away every replica counts for itself, and lets this much less through. */
const ALONE_WEIGHT = 2
/** Some 200 KiB of them. */
const MOST_NAMES = 1_000

export type FloodCounts = ReturnType<typeof createFloodCounts>
export type FloodCounter = FloodCounts['count']

export type FloodCountsDeps = { ephemeral: EphemeralStore; dataKeys: DataKeys }

/**
 * Counts what comes in too fast, over all replicas. It sheds floods cheaply; what must be exact, and
 * survive a flushed Redis, is counted in Postgres.
 */
export function createFloodCounts({ ephemeral, dataKeys }: FloodCountsDeps) {
  const alone = createMemoryStore()

  const names = new Map<string, string>()
  let namedWith: Buffer | null = null

  /** Only a keyed hash leaves the process. An address that comes often is named once; nobody else is kept. */
  function nameOf(kind: string, subject: string): string {
    const key = dataKeys.newest('blind_index')
    if (key !== namedWith || names.size >= MOST_NAMES) names.clear()
    namedWith = key
    const what = `flood\0${kind}\0${subject}`
    const name = names.get(what) ?? `flood:${hmacSha256(key, what).toString('base64url')}`
    if (kind === 'address') names.set(what, name)
    return name
  }

  /** @param subject what is counted */
  async function count(
    kind: string,
    subject: string,
    windowMs: number
  ): Promise<{ count: number; resetsInMs: number }> {
    const name = nameOf(kind, subject)
    try {
      return await ephemeral.count(name, windowMs)
    } catch (error) {
      if (!(error instanceof EphemeralUnavailable)) throw error
      const local = await alone.count(name, windowMs).catch(() => null)
      // No room to count in: that is a flood by itself.
      if (local === null) return { count: Number.MAX_SAFE_INTEGER, resetsInMs: windowMs }
      return { ...local, count: local.count * ALONE_WEIGHT }
    }
  }

  /** The count so far, without adding to it. */
  async function counted(kind: string, subject: string): Promise<number> {
    const name = nameOf(kind, subject)
    try {
      return await ephemeral.counted(name)
    } catch (error) {
      if (!(error instanceof EphemeralUnavailable)) throw error
      return (await alone.counted(name)) * ALONE_WEIGHT
    }
  }

  return { count, counted }
}
