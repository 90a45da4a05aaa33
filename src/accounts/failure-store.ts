import type { AuditEvent } from '../audit/events.ts'
import type { Audit } from '../audit/record.ts'
import type { Postgres } from '../platform/postgres.ts'

export type FailureStore = ReturnType<typeof createFailureStore>

export type FailureStoreDeps = { postgres: Postgres; record: Audit }

export function createFailureStore({ postgres, record }: FailureStoreDeps) {
  /** What did not happen leaves nothing but its event. */
  async function add(event: AuditEvent): Promise<void> {
    await postgres.hotTransaction((tx) => record(tx, event))
  }

  return { add }
}
