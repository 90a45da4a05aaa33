import type { Audit } from '../audit/record.ts'
import { createFigure } from '../platform/figure.ts'
import type { Platform } from '../platform/open-platform.ts'
import { createDeliverer, DELIVERY_OUTCOMES } from './deliver.ts'
import { createDeliveryStore } from './delivery-store.ts'
import { createEndpointStore } from './endpoint-store.ts'
import { createReplayStore } from './replay-store.ts'
import { createWebhooks } from './webhooks.ts'
import { startWebhookWorker } from './worker.ts'

export type WebhooksDeps = {
  platform: Platform
  record: Audit
  onFault: (error: unknown) => void
}

/** Tells other services what is in the audit trail. A trigger of its table writes down who is to be told. */
export function openWebhooks({ platform, record, onFault }: WebhooksDeps) {
  const { postgres, sealer, clock, outbound, metrics } = platform
  const deliveries = createDeliveryStore({ postgres, record })
  const webhooks = createWebhooks({
    endpoints: createEndpointStore({ postgres, sealer, clock, record }),
    deliveries,
    replays: createReplayStore({ postgres, record }),
    checkUrl: outbound.check
  })
  const attempts = metrics.counter(
    'webhook_deliveries_total',
    'Attempts to deliver an event, by what became of them',
    ['outcome']
  )
  for (const outcome of DELIVERY_OUTCOMES) attempts.inc({ outcome }, 0)
  const waiting = createFigure(deliveries.countWaiting)
  metrics.gauge(
    'webhook_deliveries_waiting',
    'Deliveries neither made nor given up',
    async () => (await waiting()).count
  )
  metrics.gauge(
    'webhook_oldest_waiting_seconds',
    'Age of the oldest delivery that waits',
    async () => (await waiting()).oldestSeconds
  )
  const worker = startWebhookWorker({
    store: deliveries,
    deliver: createDeliverer({ store: deliveries, sealer, clock, outbound }),
    onOutcome: (outcome) => {
      attempts.inc({ outcome })
    },
    onFault
  })
  return { webhooks, stop: worker.stop }
}
