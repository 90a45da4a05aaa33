import { setTimeout as delay } from 'node:timers/promises'
import { startLoop, type Loop } from '../platform/loop.ts'
import { PURGE_RULES } from './purge-rules.ts'
import type { PurgeStore } from './purge-store.ts'

const BATCH_ROWS = 500
const PAUSE_MS = 100
/** A batch is followed by a pause of this many times its own length: a slow Postgres gets more air. */
const PAUSE_RATIO = 4
const BEGINNING = new Date(0)

export type PurgeDeps = {
  store: PurgeStore
  intervalMs: number
  /** Told how many rows of a table are gone. */
  count: (table: string, rows: number) => void
  onFault: (error: unknown) => void
}

/**
 * Deletes what nobody needs any more, in the background: small batches, pauses between them, one server at
 * a time. Of two that come upon each other the one that finds the lock taken leaves the rest to the other.
 */
export function startPurge({ store, intervalMs, count, onFault }: PurgeDeps): Loop {
  const stopping = new AbortController()

  async function purge(): Promise<void> {
    for (const rule of PURGE_RULES) {
      let after = BEGINNING
      for (;;) {
        if (stopping.signal.aborted) return
        const startedAtMs = performance.now()
        const batch = await store.purgeBatch(rule, BATCH_ROWS, after)
        if (batch.kind === 'not_mine') return
        count(rule.table, batch.rows)
        if (batch.rows < BATCH_ROWS) break
        after = batch.last ?? after
        await pause(performance.now() - startedAtMs)
      }
    }
  }

  async function pause(batchMs: number): Promise<void> {
    const ms = Math.max(PAUSE_MS, batchMs * PAUSE_RATIO)
    await delay(ms, undefined, { signal: stopping.signal }).catch(() => undefined)
  }

  const loop = startLoop({ intervalMs, work: purge, onFault })
  return {
    stop: async () => {
      stopping.abort()
      await loop.stop()
    }
  }
}
