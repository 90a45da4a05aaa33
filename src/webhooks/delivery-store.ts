import type { Audit } from '../audit/record.ts'
import type { Postgres } from '../platform/postgres.ts'
import type { ClaimedDelivery, DeliveryView } from './delivery.ts'

/** Longer than the outbound guard waits; a server that died is replaced after it. */
const LEASE_SECONDS = 30
const KEEP_DAYS = 30
const PRUNE_ROWS = 5_000

/** $1, $2: how many deliveries of which endpoint this server has under way; $3: how many it may have of each. */
const CLAIM = {
  name: 'webhook_claim',
  text: `
    WITH due AS (
      SELECT one.endpoint_id, one.event_id
        FROM webhook_endpoint AS endpoint
        LEFT JOIN unnest($1::uuid[], $2::int[]) AS busy (id, deliveries) ON busy.id = endpoint.id
        CROSS JOIN LATERAL (
          SELECT endpoint_id, event_id FROM webhook_delivery
           WHERE endpoint_id = endpoint.id AND sent_at IS NULL AND parked_at IS NULL
             AND next_attempt_at <= latchkey_now()
             AND (claimed_until IS NULL OR claimed_until <= latchkey_now())
           ORDER BY next_attempt_at
           LIMIT greatest($3::int - coalesce(busy.deliveries, 0), 0) FOR UPDATE SKIP LOCKED) AS one
       WHERE endpoint.enabled)
    UPDATE webhook_delivery AS delivery
       SET claimed_until = latchkey_now() + make_interval(secs => ${LEASE_SECONDS}), attempts = attempts + 1
      FROM due
      JOIN webhook_endpoint AS endpoint ON endpoint.id = due.endpoint_id
      LEFT JOIN audit_event AS event ON event.id = due.event_id
     WHERE delivery.endpoint_id = due.endpoint_id AND delivery.event_id = due.event_id
    RETURNING delivery.endpoint_id AS "endpointId", delivery.event_id AS "eventId", delivery.attempts,
      delivery.claimed_until AS "claimedUntil", endpoint.url_sealed AS "urlSealed",
      endpoint.secret_sealed AS "secretSealed", endpoint.updated_at AS "endpointUpdatedAt",
      CASE WHEN endpoint.previous_secret_until > latchkey_now()
           THEN endpoint.previous_secret_sealed END AS "previousSecretSealed",
      CASE WHEN event.id IS NOT NULL THEN json_build_object(
        'id', event.id, 'at', event.at, 'type', event.type, 'userId', event.user_id,
        'sessionId', event.session_id, 'clientId', event.client_id, 'details', event.details) END AS event`
}

/** Only the holder of the lease may say what became of it. */
const HELD = 'WHERE endpoint_id = $1 AND event_id = $2 AND claimed_until = $3'

const FINISH = {
  name: 'webhook_finish',
  text: `UPDATE webhook_delivery SET sent_at = latchkey_now(), claimed_until = NULL, last_error = NULL ${HELD}`
}

const POSTPONE = {
  name: 'webhook_postpone',
  text: `
    UPDATE webhook_delivery
       SET next_attempt_at = latchkey_now() + make_interval(secs => $5), last_error = $4, claimed_until = NULL ${HELD}`
}

const PARK = {
  name: 'webhook_park',
  text: `UPDATE webhook_delivery SET parked_at = latchkey_now(), last_error = $4, claimed_until = NULL ${HELD}`
}

const WAITING = {
  name: 'webhook_waiting',
  text: `
    SELECT count(*)::int AS count,
           coalesce(extract(epoch FROM latchkey_now() - min(created_at)), 0)::float8 AS "oldestSeconds"
      FROM webhook_delivery WHERE sent_at IS NULL AND parked_at IS NULL`
}

const RECENT = {
  name: 'webhook_recent',
  text: `
    SELECT event_id AS "eventId", event.type, attempts, created_at AS "createdAt", next_attempt_at AS "nextAttemptAt",
           sent_at AS "sentAt", parked_at AS "parkedAt", last_error AS "lastError"
      FROM webhook_delivery LEFT JOIN audit_event AS event ON event.id = event_id
     WHERE endpoint_id = $1 ORDER BY event_id DESC LIMIT $2`
}

const PRUNE_OLD = {
  name: 'webhook_prune_old',
  text: `
    DELETE FROM webhook_delivery WHERE ctid = ANY (ARRAY(
      SELECT ctid FROM webhook_delivery
       WHERE coalesce(sent_at, parked_at) < latchkey_now() - make_interval(days => ${KEEP_DAYS})
       LIMIT ${PRUNE_ROWS} FOR UPDATE SKIP LOCKED)) RETURNING 1`
}

/** Goes from one endpoint to the next in the primary key: it reads as many rows as there are endpoints. */
const PRUNE_ORPHANS = {
  name: 'webhook_prune_orphans',
  text: `
    WITH RECURSIVE told (id) AS (
      (SELECT endpoint_id FROM webhook_delivery ORDER BY endpoint_id LIMIT 1)
      UNION ALL
      SELECT (SELECT endpoint_id FROM webhook_delivery WHERE endpoint_id > told.id ORDER BY endpoint_id LIMIT 1)
        FROM told WHERE told.id IS NOT NULL)
    DELETE FROM webhook_delivery WHERE ctid = ANY (ARRAY(
      SELECT orphan.ctid
        FROM told JOIN webhook_delivery AS orphan ON orphan.endpoint_id = told.id
       WHERE NOT EXISTS (SELECT FROM webhook_endpoint AS endpoint WHERE endpoint.id = told.id)
       LIMIT ${PRUNE_ROWS} FOR UPDATE OF orphan SKIP LOCKED)) RETURNING 1`
}

export type DeliveryStore = ReturnType<typeof createDeliveryStore>

export type DeliveryStoreDeps = { postgres: Postgres; record: Audit }

export function createDeliveryStore({ postgres, record }: DeliveryStoreDeps) {
  const held = ({ endpointId, eventId, claimedUntil }: ClaimedDelivery) => [
    endpointId,
    eventId,
    claimedUntil
  ]

  /**
   * Takes what is due, so much of each endpoint that it has at most `perEndpoint` under way here. Of many
   * servers, one gets each.
   * @param underWay by endpoint
   */
  async function take(
    underWay: ReadonlyMap<string, number>,
    perEndpoint: number
  ): Promise<ClaimedDelivery[]> {
    const busy = [[...underWay.keys()], [...underWay.values()]]
    return postgres.query<ClaimedDelivery>(CLAIM, [...busy, perEndpoint])
  }

  async function finish(delivery: ClaimedDelivery): Promise<void> {
    await postgres.query(FINISH, held(delivery))
  }

  async function postpone(
    delivery: ClaimedDelivery,
    error: string,
    delaySeconds: number
  ): Promise<void> {
    await postgres.query(POSTPONE, [...held(delivery), error, delaySeconds])
  }

  /** It is not tried again by itself; a replay sends it. */
  async function park(delivery: ClaimedDelivery, error: string): Promise<void> {
    await postgres.query(PARK, [...held(delivery), error])
  }

  /** Disables the endpoint as it was when the delivery began. @returns whether it still was that one */
  async function disableGone(delivery: ClaimedDelivery): Promise<boolean> {
    const { endpointId: id, endpointUpdatedAt: updatedAt } = delivery
    return postgres.transaction(async (tx) => {
      const { count } = await tx.webhookEndpoint.updateMany({
        where: { id, updatedAt, enabled: true },
        data: { enabled: false, disabledReason: 'gone' }
      })
      if (count === 0) return false
      const details = { webhook: id, reason: 'gone' }
      await record(tx, { type: 'webhook.disabled', details })
      return true
    })
  }

  async function countWaiting(): Promise<{ count: number; oldestSeconds: number }> {
    const [row] = await postgres.query<{ count: number; oldestSeconds: number }>(WAITING, [])
    return row ?? { count: 0, oldestSeconds: 0 }
  }

  /** The newest events first. */
  async function findRecent(endpointId: string, limit: number): Promise<DeliveryView[]> {
    return postgres.query<DeliveryView>(RECENT, [endpointId, limit])
  }

  /** Removes what was sent or parked long ago, and what was meant for endpoints that are gone. */
  async function prune(): Promise<void> {
    for (const statement of [PRUNE_OLD, PRUNE_ORPHANS]) {
      while ((await postgres.query(statement, [])).length === PRUNE_ROWS);
    }
  }

  return { take, finish, postpone, park, disableGone, countWaiting, findRecent, prune }
}
