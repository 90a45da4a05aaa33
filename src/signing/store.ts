import { lockForTransaction } from '../platform/locks.ts'
import type { Postgres, Transaction } from '../platform/postgres.ts'

export type SigningKeyStore = ReturnType<typeof createSigningKeyStore>

/** A signing key as Postgres keeps it: the private half sealed, the dates that say what it is for now. */
export type SigningKeyRow = {
  kid: string
  alg: string
  publicJwk: unknown
  sealedPrivate: Uint8Array
  announcedAt: Date
  activeAt: Date
  retiringAt: Date | null
  goneAt: Date | null
}

/** How long a new key is published before it signs, and an old one after it signed last. */
export type Timeline = { announceSeconds: number; retireSeconds: number }

/** A key that is about to be kept. */
export type NewSigningKey = {
  kid: string
  alg: string
  publicJwk: Record<string, string>
  sealedPrivate: Uint8Array<ArrayBuffer>
}

export function createSigningKeyStore(postgres: Postgres) {
  /** Every key that was ever made, oldest first. */
  async function findAll(): Promise<SigningKeyRow[]> {
    return postgres.read((db) => db.signingKey.findMany({ orderBy: { activeAt: 'asc' } }))
  }

  /**
   * Keeps the key that `make` gives unless one signs already. Of many servers at once, one key is kept; each
   * makes its own before it takes the lock, so that nobody waits for a slow machine's prime numbers.
   */
  async function ensureActive(make: () => Promise<NewSigningKey>): Promise<void> {
    if (await postgres.transaction(hasLive)) return
    const key = await make()
    await postgres.transaction(async (tx) => {
      await lockForTransaction(tx, 'signing_keys')
      if (await hasLive(tx)) return
      const now = await timeOf(tx)
      await insert(tx, key, now, now)
    })
  }

  async function hasLive(tx: Transaction): Promise<boolean> {
    const now = await timeOf(tx)
    const live = { OR: [{ goneAt: null }, { goneAt: { gt: now } }] }
    return (await tx.signingKey.count({ where: live })) > 0
  }

  /**
   * Adds `key` to the ring: published at once, signing after `timeline.announceSeconds`. From then on the
   * others only verify, for `timeline.retireSeconds` more.
   * @returns false when the ring holds this key already
   */
  async function add(key: NewSigningKey, timeline: Timeline): Promise<boolean> {
    return postgres.transaction(async (tx) => {
      await lockForTransaction(tx, 'signing_keys')
      const known = await tx.signingKey.count({ where: { kid: key.kid } })
      if (known > 0) return false
      const now = await timeOf(tx)
      const activeAt = new Date(now.getTime() + timeline.announceSeconds * 1_000)
      const goneAt = new Date(activeAt.getTime() + timeline.retireSeconds * 1_000)
      await tx.signingKey.updateMany({
        where: { OR: [{ goneAt: null }, { goneAt: { gt: goneAt } }] },
        data: { retiringAt: activeAt, goneAt }
      })
      await insert(tx, key, now, activeAt)
      return true
    })
  }

  async function insert(tx: Transaction, key: NewSigningKey, announcedAt: Date, activeAt: Date) {
    await tx.signingKey.create({ data: { ...key, announcedAt, activeAt } })
  }

  return { findAll, ensureActive, add }
}

async function timeOf(tx: Transaction): Promise<Date> {
  const [{ now }] = await tx.$queryRaw<[{ now: Date }]>`SELECT latchkey_now() AS now`
  return now
}
