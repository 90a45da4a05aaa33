import type { Clock } from '../platform/clock.ts'
import type { Sealer } from '../platform/keys/sealer.ts'
import { OutboundError, type Outbound } from '../platform/outbound.ts'
import { deliveryBody, type ClaimedDelivery, type WebhookEvent } from './delivery.ts'
import type { DeliveryStore } from './delivery-store.ts'
import { placeOf } from './sealed.ts'
import { signedHeaders } from './signature.ts'

const MINUTE = 60
const HOUR = 60 * MINUTE

/** Waits after the first failure, the second …: a day and a half in all. Then the delivery is parked. */
export const RETRY_AFTER_SECONDS = [
  5,
  30,
  2 * MINUTE,
  10 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  10 * HOUR,
  10 * HOUR
]

/** Added to every wait, at most: so that what failed together does not come back together. */
const JITTER = 0.1

export const DELIVERY_OUTCOMES = ['delivered', 'retried', 'parked', 'gone'] as const
export type DeliveryOutcome = (typeof DELIVERY_OUTCOMES)[number]

export type DelivererDeps = {
  store: Pick<DeliveryStore, 'finish' | 'postpone' | 'park' | 'disableGone'>
  sealer: Sealer
  clock: Clock
  outbound: Outbound
}

export type Deliver = ReturnType<typeof createDeliverer>

/** One attempt: posts the event, signed, and writes down what became of it. */
export function createDeliverer({ store, sealer, clock, outbound }: DelivererDeps) {
  return async function deliver(delivery: ClaimedDelivery): Promise<DeliveryOutcome> {
    const { event } = delivery
    if (event === null) {
      await store.park(delivery, 'event is gone')
      return 'parked'
    }
    const result = await post(delivery, event)
    if (result === null) {
      await store.finish(delivery)
      return 'delivered'
    }
    if (result === 'HTTP 410' && (await store.disableGone(delivery))) {
      await store.park(delivery, result)
      return 'gone'
    }
    const wait = RETRY_AFTER_SECONDS[delivery.attempts - 1]
    if (wait === undefined) {
      await store.park(delivery, result)
      return 'parked'
    }
    await store.postpone(delivery, result, wait * (1 + Math.random() * JITTER))
    return 'retried'
  }

  /** @returns null when it arrived, or what went wrong: a kind of failure, no word of the receiver's */
  async function post(delivery: ClaimedDelivery, event: WebhookEvent): Promise<string | null> {
    const { endpointId, urlSealed, secretSealed, previousSecretSealed } = delivery
    const secrets = [sealer.open(secretSealed, placeOf('secret_sealed', endpointId))]
    if (previousSecretSealed !== null) {
      secrets.push(sealer.open(previousSecretSealed, placeOf('previous_secret_sealed', endpointId)))
    }
    const body = deliveryBody(event)
    const timestampSeconds = Math.floor(clock.now().getTime() / 1_000)
    const message = { id: event.id, timestampSeconds, body }
    try {
      const { status } = await outbound({
        url: sealer.open(urlSealed, placeOf('url_sealed', endpointId)),
        method: 'POST',
        headers: { 'content-type': 'application/json', ...signedHeaders(message, secrets) },
        body
      })
      return status >= 200 && status < 300 ? null : `HTTP ${status}`
    } catch (error) {
      if (error instanceof OutboundError) return error.reason
      throw error
    }
  }
}
