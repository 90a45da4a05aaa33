import { lockForTransaction } from '../platform/locks.ts'
import type { Postgres, Transaction } from '../platform/postgres.ts'
import type { SigningAlgorithm } from './algorithm.ts'
import { phaseOf, type KeyDates } from './ring-plan.ts'
import type { NewSigningKey } from './sealed-key.ts'

export type SigningKeyStore = ReturnType<typeof createSigningKeyStore>

/** A signing key as Postgres keeps it: the private half sealed, the dates that say what it is for now. */
export type SigningKeyRow = KeyDates & {
  kid: string
  alg: string
  publicJwk: unknown
  sealedPrivate: Uint8Array
}

export function createSigningKeyStore(postgres: Postgres) {
  /** Every key that was ever made, oldest first, those without a date last. */
  async function findAll(): Promise<SigningKeyRow[]> {
    return postgres.read((db) =>
      db.signingKey.findMany({ orderBy: [{ activeAt: 'asc' }, { announcedAt: 'asc' }] })
    )
  }

  /**
   * Keeps the key that `make` gives unless the ring has one. Of many servers at once, one key is kept; each
   * makes its own before it takes the lock, so that nobody waits for a slow machine's prime numbers.
   */
  async function ensureActive(
    alg: SigningAlgorithm,
    make: () => Promise<NewSigningKey>
  ): Promise<void> {
    if (await postgres.transaction(async (tx) => hasLive(tx, alg))) return
    const key = await make()
    await postgres.transaction(async (tx) => {
      await lockForTransaction(tx, 'signing_keys')
      if (await hasLive(tx, alg)) return
      const now = await timeOf(tx)
      await insertKey(tx, key, now, now)
    })
  }

  /** Keys that have been gone for so long. */
  async function findGone(forSeconds: number): Promise<SealedRow[]> {
    return postgres.query<SealedRow>(FIND_GONE, [forSeconds])
  }

  /** @returns false when it no longer is as it was read: another server was quicker */
  async function replaceSealed({ kid, sealedPrivate }: SealedRow, by: Uint8Array) {
    const rows = await postgres.query(REPLACE_SEALED, [kid, sealedPrivate, Buffer.from(by)])
    return rows.length > 0
  }

  return { findAll, ensureActive, findGone, replaceSealed }
}

type SealedRow = Pick<SigningKeyRow, 'kid' | 'sealedPrivate'>

const FIND_GONE = {
  name: 'signing_key_find_gone',
  text: `
    SELECT kid, sealed_private AS "sealedPrivate" FROM signing_key
     WHERE gone_at < latchkey_now() - make_interval(secs => $1)`
}

const REPLACE_SEALED = {
  name: 'signing_key_replace_sealed',
  text: 'UPDATE signing_key SET sealed_private = $3 WHERE kid = $1 AND sealed_private = $2 RETURNING kid'
}

async function hasLive(tx: Transaction, alg: SigningAlgorithm): Promise<boolean> {
  const now = await timeOf(tx)
  return (await ringOf(tx, alg)).some((row) => phaseOf(row, now) !== 'gone')
}

/** The algorithms of all keys, those too that this release does not know. */
export async function algorithmsOf(tx: Transaction): Promise<string[]> {
  const rows = await tx.signingKey.findMany({
    distinct: ['alg'],
    select: { alg: true },
    orderBy: { alg: 'asc' }
  })
  return rows.map(({ alg }) => alg)
}

/** The keys of one algorithm, in the order of {@link SigningKeyStore.findAll}. */
export async function ringOf(tx: Transaction, alg: string): Promise<SigningKeyRow[]> {
  const orderBy = [{ activeAt: 'asc' as const }, { announcedAt: 'asc' as const }]
  return tx.signingKey.findMany({ where: { alg }, orderBy })
}

export async function insertKey(
  tx: Transaction,
  { kid, alg, publicJwk, sealedPrivate }: NewSigningKey,
  announcedAt: Date,
  activeAt: Date
): Promise<void> {
  await tx.signingKey.create({
    data: { kid, alg, publicJwk, sealedPrivate, announcedAt, activeAt }
  })
}

export async function timeOf(tx: Transaction): Promise<Date> {
  const [{ now }] = await tx.$queryRaw<[{ now: Date }]>`SELECT latchkey_now() AS now`
  return now
}
