import { v7 as uuidv7 } from 'uuid'
import type { Clock } from '../platform/clock.ts'
import type { Sealer } from '../platform/keys/sealer.ts'
import type { Transaction } from '../platform/postgres.ts'
import type { AuditEvent } from './events.ts'

export type Audit = ReturnType<typeof createAudit>

export type AuditDeps = { sealer: Sealer; clock: Clock }

/** The audit trail. An event is written in the transaction that it describes: both happened, or neither. */
export function createAudit({ sealer, clock }: AuditDeps) {
  /** @returns the ids of the events, in their order */
  return async function record(
    tx: Transaction,
    event: AuditEvent | AuditEvent[]
  ): Promise<string[]> {
    const rows = [event].flat().map(rowOf)
    // One parameter, however many events: bulk acts write them by the hundred.
    await tx.$executeRaw`
      INSERT INTO audit_event
             (id, at, type, user_id, session_id, client_id, request_id, address_sealed, details)
      SELECT id, at, type, user_id, session_id, client_id, request_id, decode(address_sealed, 'hex'), details
        FROM jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
          AS event (id uuid, at timestamptz, type text, user_id uuid, session_id uuid, client_id text,
                    request_id text, address_sealed text, details jsonb)`
    return rows.map(({ id }) => id)
  }

  function rowOf(event: AuditEvent) {
    const at = clock.now()
    const id = uuidv7({ msecs: at.getTime() })
    const { type, origin, userId, sessionId, clientId, details } = event
    return {
      id,
      at,
      type,
      user_id: userId,
      session_id: sessionId,
      client_id: clientId,
      request_id: origin?.requestId,
      address_sealed: origin && sealAddress(id, origin.address),
      details: details ?? {}
    }
  }

  function sealAddress(id: string, address: string): string {
    const place = { table: 'audit_event', column: 'address_sealed', row: id }
    return Buffer.from(sealer.sealBytes('audit', Buffer.from(address), place)).toString('hex')
  }
}
