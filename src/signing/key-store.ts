import { lockForTransaction } from '../platform/locks.ts'
import type { Connection, Postgres } from '../platform/postgres.ts'
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

const COLUMNS = `
  kid, alg, public_jwk AS "publicJwk", sealed_private AS "sealedPrivate", announced_at AS "announcedAt",
  active_at AS "activeAt", retiring_at AS "retiringAt", gone_at AS "goneAt"`

const FIND_ALL = {
  name: 'signing_keys',
  text: `SELECT ${COLUMNS} FROM signing_key ORDER BY active_at, announced_at`
}

const FIND_RING = {
  name: 'signing_ring',
  text: `SELECT ${COLUMNS} FROM signing_key WHERE alg = $1 ORDER BY active_at, announced_at`
}

const FIND_ALGORITHMS = {
  name: 'signing_algorithms',
  text: 'SELECT DISTINCT alg FROM signing_key ORDER BY alg'
}

const INSERT = {
  name: 'signing_key_insert',
  text: `
    INSERT INTO signing_key (kid, alg, public_jwk, sealed_private, announced_at, active_at)
    VALUES ($1, $2, $3, $4, $5, $6)`
}

const NOW = { name: 'signing_now', text: 'SELECT latchkey_now() AS now' }

export function createSigningKeyStore(postgres: Postgres) {
  /** Every key that was ever made, oldest first, those without a date last. */
  async function findAll(): Promise<SigningKeyRow[]> {
    return postgres.query<SigningKeyRow>(FIND_ALL, [])
  }

  /**
   * Keeps the key that `make` gives unless the ring has one. Of many servers at once, one key is kept; each
   * makes its own before it takes the lock, so that nobody waits for a slow machine's prime numbers.
   */
  async function ensureActive(
    alg: SigningAlgorithm,
    make: () => Promise<NewSigningKey>
  ): Promise<void> {
    if (await hasLive(postgres, alg)) return
    const key = await make()
    await postgres.hotTransaction(async (tx) => {
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

async function hasLive(tx: Connection, alg: SigningAlgorithm): Promise<boolean> {
  const now = await timeOf(tx)
  return (await ringOf(tx, alg)).some((row) => phaseOf(row, now) !== 'gone')
}

/** The algorithms of all keys, those too that this release does not know. */
export async function algorithmsOf(tx: Connection): Promise<string[]> {
  const rows = await tx.query<{ alg: string }>(FIND_ALGORITHMS, [])
  return rows.map(({ alg }) => alg)
}

/** The keys of one algorithm, in the order of {@link SigningKeyStore.findAll}. */
export async function ringOf(tx: Connection, alg: string): Promise<SigningKeyRow[]> {
  return tx.query<SigningKeyRow>(FIND_RING, [alg])
}

export async function insertKey(
  tx: Connection,
  { kid, alg, publicJwk, sealedPrivate }: NewSigningKey,
  announcedAt: Date,
  activeAt: Date
): Promise<void> {
  await tx.query(INSERT, [kid, alg, publicJwk, sealedPrivate, announcedAt, activeAt])
}

export async function timeOf(tx: Connection): Promise<Date> {
  const [row] = await tx.query<{ now: Date }>(NOW, [])
  if (row === undefined) throw new Error('Postgres does not tell its time.')
  return row.now
}
