import { setTimeout as delay } from 'node:timers/promises'
import type { Connection } from './postgres.ts'

/** The work that exactly one server may do at a time. The numbers are Postgres' lock keys, ours for good. */
const LOCKS = {
  data_keys: 1,
  signing_keys: 2,
  purge: 3,
  audit_seal: 10,
  audit_partitions: 11,
  data_key_keeper: 20
} as const
const NAMESPACE = 0x1a7c

const ASK_AGAIN_MS = 50

/**
 * Waits for the lock and holds it until the transaction ends: no lock outlives a crash or a pooled connection.
 * It asks again and again, for one statement that waits would be taken for a Postgres that does not answer.
 */
export async function lockForTransaction(tx: Connection, lock: keyof typeof LOCKS): Promise<void> {
  while (!(await tryLockForTransaction(tx, lock))) await delay(ASK_AGAIN_MS)
}

/** Takes the lock until the transaction ends, unless somebody else has it. */
export async function tryLockForTransaction(
  tx: Connection,
  lock: keyof typeof LOCKS
): Promise<boolean> {
  const [row] = await tx.query<{ isLocked: boolean }>(TRY, [NAMESPACE, LOCKS[lock]])
  return row?.isLocked === true
}

const TRY = {
  name: 'try_lock',
  text: 'SELECT pg_try_advisory_xact_lock($1::int, $2::int) AS "isLocked"'
}
