import { v7 as uuidv7 } from 'uuid'
import type { Clock } from '../platform/clock.ts'
import type { Sealer } from '../platform/keys/sealer.ts'
import type { Transaction } from '../platform/postgres.ts'
import type { AuditEvent } from './events.ts'

export type Audit = ReturnType<typeof createAudit>

export type AuditDeps = { sealer: Sealer; clock: Clock }

/** The audit trail. An event is written in the transaction that it describes: both happened, or neither. */
export function createAudit({ sealer, clock }: AuditDeps) {
  return async function record(tx: Transaction, event: AuditEvent | AuditEvent[]): Promise<void> {
    await tx.auditEvent.createMany({ data: [event].flat().map(rowOf) })
  }

  function rowOf(event: AuditEvent) {
    const at = clock.now()
    const id = uuidv7({ msecs: at.getTime() })
    const place = { table: 'audit_event', column: 'address_sealed', row: id }
    const { type, origin, userId, sessionId, clientId, details } = event
    return {
      id,
      at,
      type,
      userId: userId ?? null,
      sessionId: sessionId ?? null,
      clientId: clientId ?? null,
      requestId: origin?.requestId ?? null,
      addressSealed:
        origin === undefined ? null : sealer.sealBytes('audit', Buffer.from(origin.address), place),
      details: details ?? {}
    }
  }
}
