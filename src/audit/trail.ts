import type { Sealer } from '../platform/keys/sealer.ts'
import type { Reader } from '../platform/replica.ts'
import { addressOwner, createEventAddresses } from './event-address.ts'
import { createPersonKeyStore } from './person-key-store.ts'

/** Which events are asked for; `before` is the id of the last one seen. */
export type TrailFilter = { userId?: string; type?: string; before?: string; limit: number }

/** An event as it is shown to people. */
export type TrailEntry = {
  id: string
  at: Date
  type: string
  userId: string | null
  actorId: string | null
  sessionId: string | null
  clientId: string | null
  requestId: string | null
  address: string | null
  details: unknown
}

export type AuditTrail = ReturnType<typeof createAuditTrail>

export type AuditTrailDeps = { reader: Reader; sealer: Sealer }

/** The audit trail, read. */
export function createAuditTrail({ reader, sealer }: AuditTrailDeps) {
  const personKeys = createPersonKeyStore(sealer)
  const { openAddress } = createEventAddresses(sealer)

  /** The newest first. */
  async function find({ userId, type, before, limit }: TrailFilter): Promise<TrailEntry[]> {
    const where = {
      ...(userId !== undefined && { userId }),
      ...(type !== undefined && { type }),
      ...(before !== undefined && { id: { lt: before } })
    }
    const { rows, keys } = await reader.read(async (db) => {
      const rows = await db.auditEvent.findMany({ where, orderBy: { id: 'desc' }, take: limit })
      const owners = rows.map(addressOwner).filter((owner) => owner !== null)
      return { rows, keys: await personKeys.find(db, [...new Set(owners)]) }
    })
    return rows.map(({ addressSealed, ...row }) => ({
      ...row,
      address: addressSealed && openAddress(addressSealed, row.id, addressOwner(row), keys)
    }))
  }

  return { find }
}
