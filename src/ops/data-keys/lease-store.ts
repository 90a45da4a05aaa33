import { randomUUID } from 'node:crypto'
import type { Connection } from '../../platform/postgres.ts'

/** Longer than a page and the pause after it; after a crash another server waits no longer than this. */
const LEASE_SECONDS = 10

const HOLD = {
  name: 'work_lease_hold',
  text: `
    INSERT INTO work_lease (work, holder, held_until)
    VALUES ($1, $2, latchkey_now() + make_interval(secs => ${LEASE_SECONDS}))
    ON CONFLICT (work) DO UPDATE SET holder = excluded.holder, held_until = excluded.held_until
     WHERE work_lease.holder = excluded.holder OR work_lease.held_until < latchkey_now()
    RETURNING work`
}

const RELEASE = {
  name: 'work_lease_release',
  text: 'DELETE FROM work_lease WHERE work = $1 AND holder = $2'
}

export type Lease = ReturnType<typeof createLease>

/**
 * One server at a time does the work, page after page: with a lock for each page alone, two would take turns
 * and each walk whole tables.
 */
export function createLease(work: string) {
  const holder = randomUUID()

  /** Takes the lease or renews it, until the end of this transaction at least. @returns whether it is ours */
  async function hold(tx: Connection): Promise<boolean> {
    const held = await tx.query(HOLD, [work, holder])
    return held.length === 1
  }

  /** Another server need not wait. */
  async function release(connection: Connection): Promise<void> {
    await connection.query(RELEASE, [work, holder])
  }

  return { hold, release }
}
