import type { Sealer } from '../platform/keys/sealer.ts'
import type { Postgres } from '../platform/postgres.ts'

/** Which events are asked for; `before` is the id of the last one seen. */
export type TrailFilter = { userId?: string; type?: string; before?: string; limit: number }

/** An event as it is shown to people. */
export type TrailEntry = {
  id: string
  at: Date
  type: string
  userId: string | null
  sessionId: string | null
  clientId: string | null
  requestId: string | null
  address: string | null
  details: unknown
}

export type AuditTrail = ReturnType<typeof createAuditTrail>

export type AuditTrailDeps = { postgres: Postgres; sealer: Sealer }

/** The audit trail, read. */
export function createAuditTrail({ postgres, sealer }: AuditTrailDeps) {
  /** The newest first. */
  async function find({ userId, type, before, limit }: TrailFilter): Promise<TrailEntry[]> {
    const where = {
      ...(userId !== undefined && { userId }),
      ...(type !== undefined && { type }),
      ...(before !== undefined && { id: { lt: before } })
    }
    const rows = await postgres.read((db) =>
      db.auditEvent.findMany({ where, orderBy: { id: 'desc' }, take: limit })
    )
    return rows.map(({ addressSealed, ...row }) => {
      const place = { table: 'audit_event', column: 'address_sealed', row: row.id }
      const address = addressSealed && sealer.openBytes('audit', addressSealed, place).toString()
      return { ...row, address }
    })
  }

  return { find }
}
