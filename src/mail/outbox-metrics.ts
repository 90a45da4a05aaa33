import { createFigure } from '../platform/figure.ts'
import type { Metrics } from '../platform/metrics.ts'
import type { OutboxCounts } from './outbox-gauges-store.ts'
import type { OutboxOutcome } from './outbox-worker.ts'

const STATES = ['waiting', 'parked', 'expired'] as const

/** What Prometheus is told of the outbox. @returns what counts the outcomes of mails */
export function addOutboxMetrics(metrics: Metrics, count: () => Promise<OutboxCounts[]>) {
  const countUnsent = createFigure(count)
  metrics.labelledGauge(
    'outbox_messages',
    'Messages that are not sent: waiting, parked (refused for good), expired (given up, erased)',
    ['kind', 'state'],
    async () =>
      (await countUnsent()).flatMap((counts) =>
        STATES.map((state) => ({ labels: { kind: counts.kind, state }, value: counts[state] }))
      )
  )
  metrics.labelledGauge(
    'outbox_oldest_waiting_seconds',
    'Age of the oldest message that waits to be sent',
    ['kind'],
    async () =>
      (await countUnsent()).map(({ kind, oldestSeconds }) => ({
        labels: { kind },
        value: oldestSeconds
      }))
  )
  const outcomes = metrics.counter(
    'mails_total',
    'Attempts to send a mail, and mails that expired unsent',
    ['outcome']
  )
  for (const outcome of ['sent', 'retried', 'parked', 'expired'] as const) {
    outcomes.inc({ outcome }, 0) // a rate over a series that begins with its first fault would miss it
  }

  return function countMail(outcome: OutboxOutcome, count: number): void {
    outcomes.inc({ outcome }, count)
  }
}
