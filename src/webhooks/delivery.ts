/** A delivery that this server may make until `claimedUntil`, and no other one before. */
export type ClaimedDelivery = {
  endpointId: string
  eventId: string
  /** This one included. */
  attempts: number
  claimedUntil: Date
  urlSealed: Uint8Array
  secretSealed: Uint8Array
  /** Null once its day is over. */
  previousSecretSealed: Uint8Array | null
  /** When the endpoint was last changed: a verdict is about that one. */
  endpointUpdatedAt: Date
  /** Null when the trail no longer has it. */
  event: WebhookEvent | null
}

/** An event as the audit trail keeps it, without what stays inside: address and request. */
export type WebhookEvent = {
  id: string
  at: string
  type: string
  userId: string | null
  sessionId: string | null
  clientId: string | null
  details: Record<string, string | number | boolean>
}

/** What became of one event at one endpoint. */
export type DeliveryView = {
  eventId: string
  type: string | null
  attempts: number
  createdAt: Date
  nextAttemptAt: Date
  sentAt: Date | null
  parkedAt: Date | null
  lastError: string | null
}

/**
 * The body of a delivery: the same bytes at every attempt, because nothing in it depends on when it is
 * made. It holds what the audit trail tells, so it can be made again at any time.
 */
export function deliveryBody({ id, at, type, ...event }: WebhookEvent): string {
  return JSON.stringify({
    type,
    timestamp: new Date(at).toISOString(),
    data: {
      id,
      user_id: event.userId,
      session_id: event.sessionId,
      client_id: event.clientId,
      details: event.details
    }
  })
}

/** A delivery on the wire. */
export function toWireDelivery(delivery: DeliveryView) {
  const { sentAt, parkedAt } = delivery
  const state = sentAt !== null ? 'delivered' : parkedAt !== null ? 'parked' : 'waiting'
  return {
    event_id: delivery.eventId,
    type: delivery.type,
    state,
    attempts: delivery.attempts,
    created_at: delivery.createdAt.toISOString(),
    next_attempt_at: state === 'waiting' ? delivery.nextAttemptAt.toISOString() : null,
    delivered_at: sentAt?.toISOString() ?? null,
    last_error: delivery.lastError
  } as const
}
