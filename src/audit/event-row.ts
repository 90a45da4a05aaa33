import { uuidv7At } from '../lib/random.ts'
import type { Clock } from '../platform/clock.ts'
import type { Sealer } from '../platform/keys/sealer.ts'
import type { Connection } from '../platform/postgres.ts'
import { addressOwner, createEventAddresses } from './event-address.ts'
import type { AuditEvent } from './events.ts'
import {
  addKeys,
  createPersonKeyStore,
  type AddedKeys,
  type PersonKeys
} from './person-key-store.ts'

export type EventRowsDeps = { sealer: Sealer; clock: Clock }

export type EventRow = ReturnType<ReturnType<typeof createEventRows>>

/** Events as {@link insertEvents} takes them, in JSON. */
export function createEventRows({ sealer, clock }: EventRowsDeps) {
  const { sealAddress } = createEventAddresses(sealer)

  /** @param keys of those whose addresses are in the event */
  return function rowOf(event: AuditEvent, keys: PersonKeys) {
    const at = clock.now()
    const id = uuidv7At(at)
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

/** Events as one parameter, however many: bulk acts write them by the hundred. It returns a row for each. */
export function insertEvents(parameter: string, condition = 'TRUE'): string {
  return `
    INSERT INTO audit_event
           (id, at, type, user_id, actor_id, session_id, client_id, request_id, address_sealed, details)
    SELECT id, at, type, user_id, actor_id, session_id, client_id, request_id,
           decode(address_sealed, 'hex'), details
      FROM jsonb_to_recordset(${parameter}::jsonb)
        AS event (id uuid, at timestamptz, type text, user_id uuid, actor_id uuid, session_id uuid,
                  client_id text, request_id text, address_sealed text, details jsonb)
     WHERE ${condition}
    RETURNING 1`
}

/**
 * The same with the keys of people who had none, which are the other two parameters: parts of a statement, of which
 * `told` has a row for each event. It has none where one of them had a key after all: with that they are to be sealed.
 */
export function insertFirstEvents(
  parameter: string,
  userIds: string,
  sealedKeys: string,
  only = 'TRUE'
): string {
  const condition = `${only} AND (SELECT count(*) FROM added) = cardinality(${userIds}::uuid[])`
  return `
    added AS (${addKeys(userIds, sealedKeys, only)}),
    told AS (${insertEvents(parameter, condition)})`
}

/** An event as its row says it: what a seal vouches for. */
export type StoredEvent = {
  id: string
  at: Date
  type: string
  userId: string | null
  actorId: string | null
  sessionId: string | null
  clientId: string | null
  requestId: string | null
  addressSealed: Uint8Array | null
  details: unknown
}

/** A {@link StoredEvent}, of `audit_event` as `e`. */
export const EVENT_COLUMNS = `
  e.id, e.at, e.type, e.user_id AS "userId", e.actor_id AS "actorId", e.session_id AS "sessionId",
  e.client_id AS "clientId", e.request_id AS "requestId", e.address_sealed AS "addressSealed", e.details`

export type ComposeEvent = ReturnType<typeof createEventComposer>

/** For what happens all the time: its one statement writes the event beside the fact. */
export function createEventComposer(deps: EventRowsDeps) {
  const rowOf = createEventRows(deps)
  const personKeys = createPersonKeyStore(deps.sealer)

  /**
   * What {@link insertEvents} takes of an event that a living person causes.
   * @param sealedKey theirs, as {@link sealedKeyOf} reads it; it is made where there is none yet
   */
  return async function composeEvent(
    db: Connection,
    event: AuditEvent & { userId: string },
    sealedKey: Uint8Array | null
  ): Promise<string> {
    const { userId } = event
    const keys =
      sealedKey === null
        ? await personKeys.ensure(db, [userId])
        : personKeys.openAll([{ userId, sealedKey }])
    return JSON.stringify([rowOf(event, keys)])
  }
}

export type ComposeToldEvent = ReturnType<typeof createToldEventComposer>

/** The same where nothing more is asked of Postgres: a key that has still to be made goes into the same statement. */
export function createToldEventComposer(deps: EventRowsDeps) {
  const rowOf = createEventRows(deps)
  const personKeys = createPersonKeyStore(deps.sealer)

  /**
   * @param sealedKey theirs, as {@link sealedKeyOf} reads it
   * @returns the parameter of {@link insertEvents}, or those of {@link insertFirstEvents}
   */
  return function composeToldEvent(
    event: AuditEvent & { userId: string },
    sealedKey: Uint8Array | null
  ): { rows: string; added: AddedKeys | null } {
    const { userId } = event
    if (sealedKey !== null) {
      const rows = JSON.stringify([rowOf(event, personKeys.openAll([{ userId, sealedKey }]))])
      return { rows, added: null }
    }
    const { keys, added } = personKeys.make([userId])
    return { rows: JSON.stringify([rowOf(event, keys)]), added }
  }
}

/** The key of the person whom a column names, for a statement that reads it by the way. */
export function sealedKeyOf(column: string): string {
  return `(SELECT sealed_key FROM audit_key WHERE audit_key.user_id = ${column})`
}
