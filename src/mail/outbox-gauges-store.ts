import type { Postgres } from '../platform/postgres.ts'
import { OUTBOX_KINDS, type OutboxKind } from './outbox.ts'

export type OutboxCounts = {
  kind: OutboxKind
  waiting: number
  parked: number
  expired: number
  /** Age of the oldest one that waits; 0 when none does. */
  oldestSeconds: number
}

const COUNT = {
  name: 'outbox_count',
  text: `
    SELECT kind,
           count(*) FILTER (WHERE parked_at IS NULL)::int AS waiting,
           count(*) FILTER (WHERE parked_at IS NOT NULL AND payload_sealed IS NOT NULL)::int AS parked,
           count(*) FILTER (WHERE parked_at IS NOT NULL AND payload_sealed IS NULL)::int AS expired,
           coalesce(extract(epoch FROM latchkey_now() - min(created_at) FILTER (WHERE parked_at IS NULL)), 0)::float8
             AS "oldestSeconds"
      FROM outbox_message WHERE sent_at IS NULL GROUP BY kind`
}

/** What is not sent yet, counted. */
export function createOutboxGaugesStore(postgres: Postgres) {
  /** Every kind, also where there is nothing. */
  return async function countUnsent(): Promise<OutboxCounts[]> {
    const rows = await postgres.query<OutboxCounts>(COUNT, [])
    return OUTBOX_KINDS.map(
      (kind) =>
        rows.find((row) => row.kind === kind) ?? {
          kind,
          waiting: 0,
          parked: 0,
          expired: 0,
          oldestSeconds: 0
        }
    )
  }
}
