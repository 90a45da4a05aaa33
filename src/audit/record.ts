import { v7 as uuidv7 } from 'uuid'
import type { Clock } from '../platform/clock.ts'
import type { Sealer } from '../platform/keys/sealer.ts'
import type { Connection } from '../platform/postgres.ts'
import { addressOwner, createEventAddresses } from './event-address.ts'
import type { AuditEvent } from './events.ts'
import { createPersonKeyStore, type PersonKeys } from './person-key-store.ts'

export type Audit = ReturnType<typeof createAudit>

export type AuditDeps = { sealer: Sealer; clock: Clock }

/** The audit trail. An event is written in the transaction that it describes: both happened, or neither. */
export function createAudit({ sealer, clock }: AuditDeps) {
  const personKeys = createPersonKeyStore(sealer)
  const { sealAddress } = createEventAddresses(sealer)

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

  function rowOf(event: AuditEvent, keys: PersonKeys) {
    const at = clock.now()
    const id = uuidv7({ msecs: at.getTime() })
    const { type, origin, userId, actorId, sessionId, clientId, details } = event
    const sealed = origin && sealAddress(origin.address, id, addressOwner(event), keys)
    return {
      id,
      at,
      type,
      user_id: userId,
      actor_id: actorId,
      session_id: sessionId,
      client_id: clientId,
      request_id: origin?.requestId,
      address_sealed: sealed && Buffer.from(sealed).toString('hex'),
      details: details ?? {}
    }
  }
}

/** One parameter, however many events: bulk acts write them by the hundred. */
const RECORD = {
  name: 'audit_record',
  text: `
    INSERT INTO audit_event
           (id, at, type, user_id, actor_id, session_id, client_id, request_id, address_sealed, details)
    SELECT id, at, type, user_id, actor_id, session_id, client_id, request_id,
           decode(address_sealed, 'hex'), details
      FROM jsonb_to_recordset($1::jsonb)
        AS event (id uuid, at timestamptz, type text, user_id uuid, actor_id uuid, session_id uuid,
                  client_id text, request_id text, address_sealed text, details jsonb)`
}

/** Each of those whose addresses are in the events, once. */
function ownersOf(events: AuditEvent[]): string[] {
  const owners = events.filter(({ origin }) => origin !== undefined).map(addressOwner)
  return [...new Set(owners.filter((owner) => owner !== null))]
}
