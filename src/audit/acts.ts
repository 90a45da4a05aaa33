import type { Sealer } from '../platform/keys/sealer.ts'
import type { Reader } from '../platform/replica.ts'
import { EVENT_COLUMNS, type StoredEvent } from './event-row.ts'
import type { AuditEventType } from './events.ts'
import { createEventViewer, type TrailEntry } from './shown-event.ts'

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

/** By the index of types: there is none of actors, and acts are few beside all else. */
const FIND = {
  name: 'audit_acts',
  text: `
    WITH acts AS MATERIALIZED (
      SELECT * FROM audit_event WHERE type = ANY ($1::text[]) AND actor_id = $2::uuid)
    SELECT ${EVENT_COLUMNS} FROM acts e
     WHERE $3::uuid IS NULL OR e.id < $3::uuid ORDER BY e.id DESC LIMIT $4`
}

/** What one administrator did, the newest first, from where. */
export function createActs({ reader, sealer }: { reader: Reader; sealer: Sealer }) {
  const show = createEventViewer({ reader, sealer })

  return async function findActs({ actorId, before, limit }: ActsFilter): Promise<TrailEntry[]> {
    const values = [ACTS, actorId, before ?? null, limit]
    return show(await reader.query<StoredEvent>(FIND, values))
  }
}
