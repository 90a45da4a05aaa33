import type { Transaction } from './postgres.ts'

/** The work that exactly one server may do at a time. The numbers are Postgres' lock keys, ours for good. */
const LOCKS = { data_keys: 1, signing_keys: 2 } as const
const NAMESPACE = 0x1a7c

/** Waits for the lock and holds it until the transaction ends: no lock outlives a crash or a pooled connection. */
export async function lockForTransaction(tx: Transaction, lock: keyof typeof LOCKS): Promise<void> {
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(${NAMESPACE}::int, ${LOCKS[lock]}::int)`
}
