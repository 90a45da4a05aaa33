import { firstIdAt } from '../audit/chain.ts'
import type { Audit } from '../audit/record.ts'
import type { Postgres } from '../platform/postgres.ts'
import { Prisma } from '../platform/prisma/client.ts'
import type { WebhookAct } from './endpoint.ts'

/** More than that takes a second call. */
const MAX_EVENTS = 10_000
const LAST_ID = 'ffffffff-ffff-ffff-ffff-ffffffffffff'

/** Events from `since` on, until just before `until` where there is one. */
export type ReplayRange = { since: Date; until: Date | null }

/** `nextSince` is where to go on when there were more than one call takes. */
export type Replayed = { events: number; nextSince: Date | null }

export type ReplayStore = ReturnType<typeof createReplayStore>

export type ReplayStoreDeps = { postgres: Postgres; record: Audit }

/** Sent again as if never tried; what is under way this moment goes its way. */
const QUEUE = Prisma.sql`
  INSERT INTO webhook_delivery AS delivery (endpoint_id, event_id, created_at, next_attempt_at)
  SELECT endpoint_id, event_id, latchkey_now(), latchkey_now() FROM chosen
  ON CONFLICT (endpoint_id, event_id) DO UPDATE
     SET attempts = 0, next_attempt_at = excluded.next_attempt_at, sent_at = NULL, parked_at = NULL, last_error = NULL
   WHERE delivery.claimed_until IS NULL OR delivery.claimed_until <= latchkey_now()
  RETURNING 1`

type Counts = { chosen: number; queued: number; last: Date | null }

export function createReplayStore({ postgres, record }: ReplayStoreDeps) {
  /** One event, whether the endpoint's filter names it or not. @returns null when there is no such event */
  async function replayEvent(
    act: WebhookAct,
    endpointId: string,
    eventId: string
  ): Promise<Replayed | null> {
    const chosen = Prisma.sql`
      SELECT ${endpointId}::uuid AS endpoint_id, id AS event_id, at FROM audit_event WHERE id = ${eventId}::uuid`
    return replay(act, endpointId, chosen)
  }

  /** The events of a time that the endpoint's filter names. */
  async function replayRange(
    act: WebhookAct,
    endpointId: string,
    { since, until }: ReplayRange
  ): Promise<Replayed> {
    // An event's id says its time: ids find the months that are meant, and their order is that of time.
    const before = until === null ? LAST_ID : firstIdAt(until)
    const chosen = Prisma.sql`
      SELECT endpoint.id AS endpoint_id, event.id AS event_id, event.at
        FROM webhook_endpoint AS endpoint, audit_event AS event
       WHERE endpoint.id = ${endpointId}::uuid AND webhook_wants(endpoint.events, event.type)
         AND event.id >= ${firstIdAt(since)}::uuid AND event.id < ${before}::uuid
       ORDER BY event.id LIMIT ${MAX_EVENTS}`
    return (await replay(act, endpointId, chosen)) ?? { events: 0, nextSince: null }
  }

  async function replay(
    { adminId, origin }: WebhookAct,
    webhook: string,
    chosen: Prisma.Sql
  ): Promise<Replayed | null> {
    return postgres.transaction(async (tx) => {
      const [counts] = await tx.$queryRaw<Counts[]>`
        WITH chosen AS (${chosen}), queued AS (${QUEUE})
        SELECT (SELECT count(*) FROM chosen)::int AS chosen, (SELECT count(*) FROM queued)::int AS queued,
               (SELECT max(at) FROM chosen) AS last`
      if (counts === undefined || counts.chosen === 0) return null
      const details = { webhook, events: counts.queued }
      await record(tx, { type: 'webhook.replayed', origin, actorId: adminId, details })
      const nextSince = counts.chosen === MAX_EVENTS ? counts.last : null
      return { events: counts.queued, nextSince }
    })
  }

  /** An event of its own, for this endpoint whatever its filter. @returns the event's id */
  async function test({ adminId, origin }: WebhookAct, webhook: string): Promise<string> {
    return postgres.transaction(async (tx) => {
      const [id = ''] = await record(tx, {
        type: 'webhook.tested',
        origin,
        actorId: adminId,
        details: { webhook }
      })
      const chosen = Prisma.sql`SELECT ${webhook}::uuid AS endpoint_id, ${id}::uuid AS event_id`
      await tx.$queryRaw`WITH chosen AS (${chosen}) ${QUEUE}`
      return id
    })
  }

  return { replayEvent, replayRange, test }
}
