import type { Clock } from '../platform/clock.ts'
import type { Sealer } from '../platform/keys/sealer.ts'
import type { Connection } from '../platform/postgres.ts'
import { addressOwner } from './event-address.ts'
import { createEventRows, insertFirstEvents, insertEvents } from './event-row.ts'
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
    const owners = ownersOf(events)
    let areNew = events.every(({ type }) => OF_NEWCOMERS.has(type))
    for (;;) {
      const { keys, added } = await personKeys.obtain(tx, owners, areNew)
      const rows = events.map((one) => rowOf(one, keys))
      const [statement, values] =
        added.userIds.length === 0
          ? [RECORD, []]
          : [RECORD_FIRST, [added.userIds, added.sealedKeys]]
      const written = await tx.query(statement, [...values, JSON.stringify(rows)])
      if (written.length > 0 || rows.length === 0) return rows.map(({ id }) => id)
      areNew = false // somebody has a key by now: the events are sealed with that
    }
  }
}

/** Nobody has a key before these: an id is made for them. */
const OF_NEWCOMERS: ReadonlySet<string> = new Set(['account.registered', 'account.created'])

const RECORD = { name: 'audit_record', text: insertEvents('$1') }

/** The first events of people, with their keys; nothing is written where one of them has a key already. */
const RECORD_FIRST = {
  name: 'audit_record_first',
  text: `WITH ${insertFirstEvents('$3', '$1', '$2')} SELECT 1 FROM told`
}

/** Each of those whose addresses are in the events, once. */
function ownersOf(events: AuditEvent[]): string[] {
  const owners = events.filter(({ origin }) => origin !== undefined).map(addressOwner)
  return [...new Set(owners.filter((owner) => owner !== null))]
}
