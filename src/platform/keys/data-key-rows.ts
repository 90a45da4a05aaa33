import { randomBytes } from 'node:crypto'
import { seal, unseal, type NamedKey } from '../../lib/aes-gcm.ts'
import type { Connection } from '../postgres.ts'
import type { KeyEncryptionKeys } from './key-encryption-key.ts'

/** What each data key is for. A key is never used for two things. */
export const KEY_PURPOSES = [
  'signing',
  'sealing',
  'blind_index',
  'refresh_mac',
  'typed_code',
  'device',
  'audit',
  'pairwise'
] as const
export type KeyPurpose = (typeof KEY_PURPOSES)[number]

/** When a data key takes over. What it has not come to yet is null. */
export type DataKeyDates = {
  /** Known to every server by then; from then on new values are made with it. */
  activeAt: Date
  /** The steps of a blind index key, see `address-index.ts`. */
  readsAt: Date | null
  leadsAt: Date | null
  settledAt: Date | null
}

export type DataKeyRow = DataKeyDates & {
  id: string
  purpose: string
  kekId: string
  sealedKey: Uint8Array
  previousKekId: string | null
  previousSealedKey: Uint8Array | null
}

export type DataKey = NamedKey & { purpose: KeyPurpose } & DataKeyDates

const FIND = {
  name: 'data_keys',
  text: `
    SELECT id, purpose, kek_id AS "kekId", sealed_key AS "sealedKey",
           previous_kek_id AS "previousKekId", previous_sealed_key AS "previousSealedKey",
           active_at AS "activeAt", reads_at AS "readsAt", leads_at AS "leadsAt", settled_at AS "settledAt"
      FROM data_key ORDER BY active_at, id`
}

const IS_TAKEN = {
  name: 'data_key_id_taken',
  text: `
    SELECT EXISTS (SELECT FROM data_key WHERE id = $1)
        OR EXISTS (SELECT FROM retired_data_key WHERE id = $1) AS "isTaken"`
}

const INSERT = {
  name: 'data_key_insert',
  text: `
    INSERT INTO data_key
           (id, purpose, kek_id, sealed_key, previous_kek_id, previous_sealed_key, active_at)
    VALUES ($1, $2, $3, $4, $5, $6,
            date_trunc('milliseconds', latchkey_now()) + make_interval(secs => $7::int))
    RETURNING active_at AS "activeAt"`
}

/** All of them, the oldest first. */
export function findDataKeyRows(connection: Connection): Promise<DataKeyRow[]> {
  return connection.query<DataKeyRow>(FIND, [])
}

export function purposeOf(row: Pick<DataKeyRow, 'purpose'>): KeyPurpose | undefined {
  return KEY_PURPOSES.find((candidate) => candidate === row.purpose)
}

/** @returns the key, by whichever of its two wraps one of our key-encryption keys opens; null when none does */
export function unwrapKey(row: DataKeyRow, keks: KeyEncryptionKeys): Buffer | null {
  const wraps = [
    { kekId: row.kekId, sealed: row.sealedKey },
    { kekId: row.previousKekId, sealed: row.previousSealedKey }
  ]
  for (const { kekId, sealed } of wraps) {
    const kek = [keks.current, keks.previous].find((candidate) => candidate?.id === kekId)
    const key = kek && sealed && unseal(kek.key, sealed, place(row.id))
    if (key) return key
  }
  return null
}

/** The columns of a key's wraps: under the current key-encryption key, and under the previous one while there is one. */
export function wrapsOf(id: string, key: Buffer, { current, previous }: KeyEncryptionKeys) {
  const wrap = (kek: NamedKey) => new Uint8Array(seal(kek, key, place(id)))
  return {
    kekId: current.id,
    sealedKey: wrap(current),
    previousKekId: previous?.id ?? null,
    previousSealedKey: previous && wrap(previous)
  }
}

/**
 * Makes a key that takes over in `afterSeconds`. Hold the lock `data_keys`.
 * The id `00000000` is what the keys of people have in the audit trail.
 */
export async function makeDataKey(
  tx: Connection,
  purpose: KeyPurpose,
  keks: KeyEncryptionKeys,
  afterSeconds = 0
): Promise<DataKey> {
  const id = await freeId(tx)
  const key = randomBytes(32)
  const { kekId, sealedKey, previousKekId, previousSealedKey } = wrapsOf(id, key, keks)
  const wraps = [kekId, sealedKey, previousKekId, previousSealedKey]
  const [row] = await tx.query<{ activeAt: Date }>(INSERT, [id, purpose, ...wraps, afterSeconds])
  if (row === undefined) throw new Error('A data key was not kept.')
  return { id, key, purpose, ...row, readsAt: null, leadsAt: null, settledAt: null }
}

async function freeId(tx: Connection): Promise<string> {
  for (;;) {
    const id = randomBytes(4).toString('hex')
    const [row] = await tx.query<{ isTaken: boolean }>(IS_TAKEN, [id])
    if (row?.isTaken === false && id !== '00000000') return id
  }
}

const place = (id: string) => `data_key.sealed_key.${id}`
