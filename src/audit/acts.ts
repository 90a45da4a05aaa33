import type { Sealer } from '../platform/keys/sealer.ts'
import type { Reader } from '../platform/replica.ts'
import { createEventAddresses } from './event-address.ts'
import type { AuditEventType } from './events.ts'
import { createPersonKeyStore } from './person-key-store.ts'
import type { TrailEntry } from './trail.ts'

/**
 * What administrators do. An act that ends sessions writes an event for each of them too: those belong to the
 * people whose sessions they were, and there may be millions.
 */
export const ACTS = [
  'account.erased',
  'account.disabled',
  'account.enabled',
  'account.unlocked',
  'account.roles_changed',
  'account.reset_forced',
  'account.sessions_ended',
  'outbox.retried',
  'outbox.deleted',
  'webhook.created',
  'webhook.changed',
  'webhook.deleted',
  'webhook.secret_rotated',
  'webhook.replayed',
  'webhook.tested',
  'client.created',
  'client.changed',
  'client.disabled',
  'client.enabled',
  'client.deleted',
  'client.secret_rotated',
  'initial_access_token.created',
  'initial_access_token.revoked'
] as const satisfies AuditEventType[]

export type FindActs = ReturnType<typeof createActs>

export type ActsFilter = { actorId: string; before?: string; limit: number }

type ActRow = Omit<TrailEntry, 'address'> & { addressSealed: Uint8Array | null }

/** What one administrator did, the newest first, from where. */
export function createActs({ reader, sealer }: { reader: Reader; sealer: Sealer }) {
  const personKeys = createPersonKeyStore(sealer)
  const { openAddress } = createEventAddresses(sealer)

  /** By the index of types: there is none of actors, and acts are few beside all else. */
  return async function findActs({ actorId, before, limit }: ActsFilter): Promise<TrailEntry[]> {
    const last = before ?? null
    const { rows, keys } = await reader.read(async (db) => ({
      rows: await db.$queryRaw<ActRow[]>`
        WITH acts AS MATERIALIZED (
          SELECT * FROM audit_event WHERE type = ANY (${[...ACTS]}) AND actor_id = ${actorId}::uuid)
        SELECT id, at, type, user_id AS "userId", actor_id AS "actorId", session_id AS "sessionId",
               client_id AS "clientId", request_id AS "requestId", address_sealed AS "addressSealed", details
          FROM acts WHERE (${last}::uuid IS NULL OR id < ${last}::uuid) ORDER BY id DESC LIMIT ${limit}`,
      keys: await personKeys.find(reader, [actorId])
    }))
    return rows.map(({ addressSealed, ...row }) => ({
      ...row,
      address: addressSealed && openAddress(addressSealed, row.id, actorId, keys)
    }))
  }
}
