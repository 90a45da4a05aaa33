import type { Sealer } from '../platform/keys/sealer.ts'
import type { Reader } from '../platform/replica.ts'
import { addressOwner, createEventAddresses } from './event-address.ts'
import { createPersonKeyStore } from './person-key-store.ts'
import { createTrailStore, type TrailFilter, type TrailRow } from './trail-store.ts'

/** An event as it is shown to people. */
export type TrailEntry = Omit<TrailRow, 'addressSealed'> & { address: string | null }

export type AuditTrail = ReturnType<typeof createAuditTrail>

export type AuditTrailDeps = { reader: Reader; sealer: Sealer }

/** The audit trail, read. */
export function createAuditTrail({ reader, sealer }: AuditTrailDeps) {
  const store = createTrailStore(reader)
  const personKeys = createPersonKeyStore(sealer)
  const { openAddress } = createEventAddresses(sealer)

  /** The newest first. */
  async function find(filter: TrailFilter): Promise<TrailEntry[]> {
    const rows = await store.find(filter)
    const owners = rows.map(addressOwner).filter((owner) => owner !== null)
    const keys = await personKeys.find(reader, [...new Set(owners)])
    return rows.map(({ addressSealed, ...row }) => ({
      ...row,
      address: addressSealed && openAddress(addressSealed, row.id, addressOwner(row), keys)
    }))
  }

  return { find }
}
