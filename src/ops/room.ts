import type { Config } from '../config.ts'
import type { Loop } from '../platform/loop.ts'
import type { Platform } from '../platform/open-platform.ts'
import { createPurgeStore } from './purge-store.ts'
import { startPurge } from './purge.ts'

/** What deletes the rows that nobody needs any more, and tells how many. */
export function openPurge(
  { postgres, metrics }: Platform,
  { purgeIntervalSeconds }: Pick<Config, 'purgeIntervalSeconds'>,
  onFault: (error: unknown) => void
): Loop {
  const purged = metrics.counter('purged_rows_total', 'Rows deleted after their end', ['table'])
  return startPurge({
    store: createPurgeStore(postgres),
    intervalMs: purgeIntervalSeconds * 1_000,
    count: (table, rows) => {
      purged.inc({ table }, rows)
    },
    onFault
  })
}
