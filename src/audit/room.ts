import type { DataKeys } from '../platform/keys/data-keys.ts'
import { startLoop } from '../platform/loop.ts'
import type { Platform } from '../platform/open-platform.ts'
import type { Postgres } from '../platform/postgres.ts'
import { createChainCheck } from './chain-check.ts'
import { createChainStore } from './chain-store.ts'
import { createPartitionStore } from './partition-store.ts'
import { createAudit } from './record.ts'
import { createSealStore } from './seal-store.ts'

const SEAL_EVERY_MS = 10_000
const LOOK_AHEAD_EVERY_MS = 600_000

/** The head of the chain in the log, where whoever cuts the end of the table off cannot reach. */
export type LogSeal = (line: { seal: number; events: number; head: string }, text: string) => void

/** The audit trail, and what seals it and makes room for its next months in the background. */
export function openAudit(
  { postgres, sealer, clock, dataKeys, metrics }: Platform,
  logSeal: LogSeal,
  onFault: (error: unknown) => void
) {
  const store = createSealStore({ postgres, dataKeys })
  const sealedEvents = metrics.counter('audit_events_sealed_total', 'Audit events sealed here')

  /** All that waits, batch by batch, a transaction each. */
  async function sealAll(): Promise<void> {
    for (;;) {
      const sealed = await store.sealNext()
      if (sealed === null) return
      const { number, count, hash, isFull } = sealed
      logSeal({ seal: number, events: count, head: hash.toString('hex') }, 'audit events sealed')
      sealedEvents.inc(count)
      if (!isFull) return
    }
  }

  const { makeAhead } = createPartitionStore(postgres)
  const loops = [
    startLoop({ intervalMs: SEAL_EVERY_MS, work: sealAll, onFault }),
    startLoop({
      intervalMs: LOOK_AHEAD_EVERY_MS,
      work: async () => {
        await makeAhead()
      },
      onFault
    })
  ]
  const stop = async () => {
    await Promise.all(loops.map((loop) => loop.stop()))
  }
  return { record: createAudit({ sealer, clock }), sealAll, stop }
}

/** What holds the trail against its seals, and a head from the log against them. */
export function openChain(postgres: Postgres, dataKeys: DataKeys) {
  const store = createChainStore(postgres)
  return { checkChain: createChainCheck({ store, dataKeys }), hasHead: store.hasHead }
}
