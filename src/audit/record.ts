import type { Clock } from '../platform/clock.ts'
import type { Sealer } from '../platform/keys/sealer.ts'
import type { Connection } from '../platform/postgres.ts'
import { addressOwner } from './event-address.ts'
import { createEventRows, insertEvents } from './event-row.ts'
import type { AuditEvent } from './events.ts'
import { createPersonKeyStore } from './person-key-store.ts'

export type Audit = ReturnType<typeof createAudit>

export type AuditDeps = { sealer: Sealer; clock: Clock }

/** The audit trail. An event is written in the transaction that it describes: both happened, or neither. */
export function createAudit({ sealer, clock }: AuditDeps) {
  const personKeys = createPersonKeyStore(sealer)
  const rowOf = createEventRows({ sealer, clock })

  /** @returns the ids of the events, in their order */
  return async function record(
    tx: Connection,
    event: AuditEvent | AuditEvent[]
  ): Promise<string[]> {
    const events = [event].flat()
    const keys = await personKeys.obtain(tx, ownersOf(events))
    const rows = events.map((one) => rowOf(one, keys))
    await tx.query(RECORD, [JSON.stringify(rows)])
    return rows.map(({ id }) => id)
  }
}

const RECORD = { name: 'audit_record', text: insertEvents('$1') }

/** Each of those whose addresses are in the events, once. */
function ownersOf(events: AuditEvent[]): string[] {
  const owners = events.filter(({ origin }) => origin !== undefined).map(addressOwner)
  return [...new Set(owners.filter((owner) => owner !== null))]
}
