import type { AuditEvent } from '../audit/events.ts'
import type { Audit } from '../audit/record.ts'
import type { Postgres } from '../platform/postgres.ts'

export type FailureStore = ReturnType<typeof createFailureStore>

export type FailureStoreDeps = { postgres: Postgres; record: Audit }

export function createFailureStore({ postgres, record }: FailureStoreDeps) {
  /** What did not happen leaves nothing but its event. */
  async function add(event: AuditEvent): Promise<void> {
    // Nobody's is one statement; a person's takes their key first, which erasing them may destroy meanwhile.
    if (event.userId === undefined) await record(postgres, event)
    else await postgres.hotTransaction((tx) => record(tx, event))
  }

  return { add }
}
