import { setTimeout as delay } from 'node:timers/promises'
import { startLoop, type Loop } from '../platform/loop.ts'
import type { Deliver, DeliveryOutcome } from './deliver.ts'
import type { ClaimedDelivery } from './delivery.ts'
import type { DeliveryStore } from './delivery-store.ts'

const POLL_MS = 250
/** Under way at once to one endpoint from one server. */
const PER_ENDPOINT = 4
const PRUNE_MS = 600_000

export type WebhookWorkerDeps = {
  store: Pick<DeliveryStore, 'take' | 'prune'>
  deliver: Deliver
  onOutcome: (outcome: DeliveryOutcome) => void
  onFault: (error: unknown) => void
}

/**
 * Works off deliveries until it is stopped. It never waits for one before it takes others, and no endpoint
 * has more than its share under way: one that does not answer holds up itself alone.
 */
export function startWebhookWorker({
  store,
  deliver,
  onOutcome,
  onFault
}: WebhookWorkerDeps): Loop {
  const underWay = new Map<string, number>()
  const deliveries = new Set<Promise<void>>()
  let isStopping = false

  const count = (endpointId: string, change: 1 | -1) => {
    const now = (underWay.get(endpointId) ?? 0) + change
    if (now === 0) underWay.delete(endpointId)
    else underWay.set(endpointId, now)
  }

  function begin(delivery: ClaimedDelivery): void {
    count(delivery.endpointId, 1)
    const running = deliver(delivery)
      .then(onOutcome, onFault)
      .finally(() => {
        count(delivery.endpointId, -1)
        deliveries.delete(running)
      })
    deliveries.add(running)
  }

  /** As long as there is something to take, the next is taken when one has ended, or is due anew. */
  async function workOff(): Promise<void> {
    while (!isStopping) {
      const taken = await store.take(underWay, PER_ENDPOINT)
      if (taken.length === 0) return
      taken.forEach(begin)
      await Promise.race([...deliveries, delay(POLL_MS)])
    }
  }

  const sending = startLoop({ intervalMs: POLL_MS, onFault, work: workOff })
  const pruning = startLoop({ intervalMs: PRUNE_MS, onFault, work: store.prune })

  return {
    stop: async () => {
      isStopping = true
      await Promise.all([sending.stop(), pruning.stop()])
      await Promise.all(deliveries)
    }
  }
}
