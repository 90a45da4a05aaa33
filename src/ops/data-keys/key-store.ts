import type { RequestOrigin } from '../../audit/events.ts'
import type { Audit } from '../../audit/record.ts'
import { makeDataKey, purposeOf, unwrapKey, wrapsOf } from '../../platform/keys/data-key-rows.ts'
import type { DataKey, KeyPurpose, LiveDataKeys } from '../../platform/keys/data-keys.ts'
import { lockForTransaction } from '../../platform/locks.ts'
import type { Postgres, Transaction } from '../../platform/postgres.ts'

export type KeyStore = ReturnType<typeof createKeyStore>

export type KeyStoreDeps = {
  postgres: Postgres
  dataKeys: Pick<LiveDataKeys, 'keks'>
  record: Audit
  /** From an announcement to the moment that it is about. */
  announceSeconds: number
}

export type RotationOutcome =
  | { kind: 'announced'; key: DataKey }
  | { kind: 'never' }
  | { kind: 'under_way' }
  /** It would be wrapped under the key-encryption key before, too, which may be in other hands. */
  | { kind: 'kek_changing' }

/** Only `npm run keys` begins a rotation; all that follows from it, servers do by themselves. */
const OPERATOR: RequestOrigin = { requestId: 'npm run keys', address: 'operator' }

const STEP_COLUMNS = { readsAt: 'reads_at', leadsAt: 'leads_at', settledAt: 'settled_at' } as const
export type IndexStep = keyof typeof STEP_COLUMNS

const HAS_PREVIOUS = {
  name: 'data_key_has_previous',
  text: `
    SELECT EXISTS (
      SELECT FROM data_key WHERE kek_id = $1 AND previous_kek_id IS NOT NULL) AS has`
}

/** What is done to the keys themselves, each in one transaction with its audit event. */
export function createKeyStore({ postgres, dataKeys, record, announceSeconds }: KeyStoreDeps) {
  const { keks } = dataKeys

  /** Makes the key that takes over for a purpose. One at a time, and none before the last one has. */
  async function rotate(purpose: KeyPurpose): Promise<RotationOutcome> {
    // With another key every client would meet strangers.
    if (purpose === 'pairwise') return { kind: 'never' }
    if (keks.previous !== null) return { kind: 'kek_changing' }
    return postgres.transaction(async (tx) => {
      await lockForTransaction(tx, 'data_keys')
      if (await isUnderWay(tx, purpose)) return { kind: 'under_way' }
      const key = await makeDataKey(tx, purpose, keks, announceSeconds)
      await tell(tx, 'data_key.rotated', { purpose, key: key.id, by: 'operator' }, OPERATOR)
      return { kind: 'announced', key }
    })
  }

  async function isUnderWay(tx: Transaction, purpose: KeyPurpose): Promise<boolean> {
    const [{ isWaiting, count }] = await tx.$queryRaw<[{ isWaiting: boolean; count: number }]>`
      SELECT COALESCE(bool_or(active_at > latchkey_now()), FALSE) AS "isWaiting", count(*)::int AS count
        FROM data_key WHERE purpose = ${purpose}`
    return isWaiting || (purpose === 'blind_index' && count > 1)
  }

  /** Announces the next step of the blind index; may be repeated. */
  async function announce(id: string, step: IndexStep): Promise<void> {
    await postgres.transaction(async (tx) => {
      await tx.$executeRawUnsafe(
        `UPDATE data_key SET ${STEP_COLUMNS[step]} = latchkey_now() + make_interval(secs => $2::int)
          WHERE id = $1 AND ${STEP_COLUMNS[step]} IS NULL`,
        id,
        announceSeconds
      )
    })
  }

  /** From now on Postgres refuses what these keys seal. May be repeated. */
  async function retire(keys: DataKey[]): Promise<void> {
    await postgres.transaction(async (tx) => {
      for (const { id, purpose } of keys) {
        await tx.$executeRaw`
          INSERT INTO retired_data_key (id, purpose, retired_at) VALUES (${id}, ${purpose}, latchkey_now())
          ON CONFLICT DO NOTHING`
      }
    })
  }

  /** Destroys keys under which nothing is left. */
  async function destroy(keys: DataKey[]): Promise<void> {
    await retire(keys)
    await postgres.transaction(async (tx) => {
      await lockForTransaction(tx, 'data_keys')
      for (const { id, purpose } of keys) {
        const { count } = await tx.dataKey.deleteMany({ where: { id } })
        if (count === 0) continue
        await tx.$executeRaw`UPDATE retired_data_key SET destroyed_at = latchkey_now() WHERE id = ${id}`
        await tell(tx, 'data_key.destroyed', { purpose, key: id })
      }
    })
  }

  /**
   * Wraps the data keys under the current key-encryption key. The wrap under the one before stays beside it
   * as long as that is set: servers that have only that one can still start.
   * @param isStart then any other wrap is replaced; later only what a server with the old one alone has made,
   *   or servers with the two settings the other way round would go on replacing each other's
   */
  async function rewrap(isStart: boolean): Promise<number> {
    const { current, previous } = keks
    if (previous === null) return 0
    const where = isStart
      ? { kekId: { not: current.id } }
      : { kekId: previous.id, previousKekId: null }
    if ((await postgres.read((db) => db.dataKey.count({ where }))) === 0) return 0
    return postgres.transaction(async (tx) => {
      await lockForTransaction(tx, 'data_keys')
      const rows = await tx.dataKey.findMany({ where })
      for (const row of rows) {
        const key = unwrapKey(row, keks)
        if (key === null || purposeOf(row) === undefined) continue
        await tx.dataKey.update({ where: { id: row.id }, data: wrapsOf(row.id, key, keks) })
      }
      if (rows.length > 0) await tell(tx, 'key_encryption_key.changed', { keys: rows.length })
      return rows.length
    })
  }

  /**
   * The one before is no longer set: whoever has it opens nothing with it from now on. To be repeated, since a
   * server that still has it set may make a key. Of a row whose first wrap is another's nobody can tell here which
   * of the two is to stay: servers that know nothing of a change yet see the same.
   */
  async function forgetPrevious(): Promise<number> {
    const where = { kekId: keks.current.id, previousKekId: { not: null } }
    if (keks.previous !== null) return 0
    // Asked every second, and seldom true.
    const [found] = await postgres.query<{ has: boolean }>(HAS_PREVIOUS, [keks.current.id])
    if (found?.has !== true) return 0
    return postgres.transaction(async (tx) => {
      const { count } = await tx.dataKey.updateMany({
        where,
        data: { previousKekId: null, previousSealedKey: null }
      })
      if (count > 0) await tell(tx, 'key_encryption_key.forgotten', { keys: count })
      return count
    })
  }

  async function tell(
    tx: Transaction,
    type:
      'data_key.rotated' | 'data_key.destroyed' | `key_encryption_key.${'changed' | 'forgotten'}`,
    details: Record<string, string | number>,
    origin?: RequestOrigin
  ): Promise<void> {
    await record(tx, { type, details, ...(origin !== undefined && { origin }) })
  }

  return { rotate, announce, retire, destroy, rewrap, forgetPrevious }
}
