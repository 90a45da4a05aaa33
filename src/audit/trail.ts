import type { Sealer } from '../platform/keys/sealer.ts'
import type { Reader } from '../platform/replica.ts'
import { createEventViewer, type TrailEntry } from './shown-event.ts'
import { createTrailStore, type TrailFilter } from './trail-store.ts'

export type AuditTrail = ReturnType<typeof createAuditTrail>

export type AuditTrailDeps = { reader: Reader; sealer: Sealer }

/** The audit trail, read. */
export function createAuditTrail({ reader, sealer }: AuditTrailDeps) {
  const store = createTrailStore(reader)
  const show = createEventViewer({ reader, sealer })

  /** The newest first. */
  async function find(filter: TrailFilter): Promise<TrailEntry[]> {
    return show(await store.find(filter))
  }

  return { find }
}
