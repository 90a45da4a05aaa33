import { randomBytes } from 'node:crypto'
import { seal, unseal, type NamedKey } from '../../lib/aes-gcm.ts'
import { lockForTransaction } from '../locks.ts'
import type { Postgres, Transaction } from '../postgres.ts'
import { makeKeyFile, nameKey, readKeyFile } from './key-encryption-key.ts'

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

type DataKey = NamedKey & { purpose: KeyPurpose; activeAt: Date }

export type DataKeys = ReturnType<typeof createDataKeys>

/** The keys that Postgres holds cannot be opened: the server must not start, nor make new ones. */
export class KeyEncryptionKeyError extends Error {
  override readonly name = 'KeyEncryptionKeyError'
}

export type UnlockOptions = {
  postgres: Postgres
  /** From the settings; where it is undefined, the one in `keysDir` counts. */
  keyEncryptionKey: Buffer | undefined
  keysDir: string
}

/**
 * Opens the data keys that all replicas share, and makes those that are missing; on an empty database
 * any number of servers at once agree on one set.
 * @throws {KeyEncryptionKeyError} when sealed keys exist and the key-encryption key is missing or another
 */
export async function unlockDataKeys(options: UnlockOptions): Promise<DataKeys> {
  const { postgres, keyEncryptionKey, keysDir } = options
  const keys = await postgres.transaction(async (tx) => {
    await lockForTransaction(tx, 'data_keys')
    const rows = await tx.dataKey.findMany({ orderBy: [{ activeAt: 'asc' }, { id: 'asc' }] })
    const known = keyEncryptionKey ?? (await readKeyFile(keysDir))
    if (known === null && rows.length > 0) {
      throw new KeyEncryptionKeyError(
        'Postgres holds sealed keys, but there is no key-encryption key: ' +
          'set KEY_ENCRYPTION_KEY or put the file kek back into KEYS_DIR.'
      )
    }
    const kek = nameKey(known ?? (await makeKeyFile(keysDir)))
    const opened = rows.map((row) => openDataKey(row, kek))
    const missing = KEY_PURPOSES.filter((purpose) => !opened.some((key) => key.purpose === purpose))
    for (const purpose of missing) opened.push(await makeDataKey(tx, purpose, kek))
    return opened
  })
  return createDataKeys(keys)
}

function createDataKeys(keys: DataKey[]) {
  const byId = new Map(keys.map((key) => [key.id, key]))

  /** The keys of a purpose that are in use at `at`, newest first. */
  function ofPurpose(purpose: KeyPurpose): DataKey[] {
    return keys.filter((key) => key.purpose === purpose).reverse()
  }

  /** The key that new values are made with at `at`; before the first one's date, the first. */
  function activeAt(purpose: KeyPurpose, at: Date): DataKey {
    const candidates = ofPurpose(purpose)
    const active = candidates.find((key) => key.activeAt <= at) ?? candidates.at(-1)
    if (active === undefined) throw new Error(`There is no data key for ${purpose}.`)
    return active
  }

  /** The key that everything of a purpose is hashed with now. */
  function newest(purpose: KeyPurpose): Buffer {
    const [key] = ofPurpose(purpose)
    if (key === undefined) throw new Error(`There is no data key for ${purpose}.`)
    return key.key
  }

  /** The key of an id, if it is one for this purpose. */
  function find(purpose: KeyPurpose, id: string): Buffer | undefined {
    const key = byId.get(id)
    return key?.purpose === purpose ? key.key : undefined
  }

  return { activeAt, ofPurpose, newest, find }
}

/** Which rows the key-encryption key opens: for looking only, nothing is made. */
export type DataKeyState = {
  hasKeyEncryptionKey: boolean
  rows: { id: string; purpose: string; opens: boolean }[]
  /** Those that open. */
  dataKeys: DataKeys
}

/** Looks at the data keys without making any, nor a key-encryption key. */
export async function inspectDataKeys(options: UnlockOptions): Promise<DataKeyState> {
  const { postgres, keyEncryptionKey, keysDir } = options
  const rows = await postgres.read((db) =>
    db.dataKey.findMany({ orderBy: [{ activeAt: 'asc' }, { id: 'asc' }] })
  )
  const known = keyEncryptionKey ?? (await readKeyFile(keysDir))
  const kek = known && nameKey(known)
  const opened = rows.map((row) => {
    const key = kek && unseal(kek.key, row.sealedKey, place(row.id))
    const purpose = KEY_PURPOSES.find((candidate) => candidate === row.purpose)
    return key === null || purpose === undefined ? null : { ...row, key, purpose }
  })
  return {
    hasKeyEncryptionKey: kek !== null,
    rows: rows.map(({ id, purpose }, index) => ({ id, purpose, opens: opened[index] !== null })),
    dataKeys: createDataKeys(opened.filter((key) => key !== null))
  }
}

type DataKeyRow = {
  id: string
  purpose: string
  kekId: string
  sealedKey: Uint8Array
  activeAt: Date
}

function openDataKey(row: DataKeyRow, kek: NamedKey): DataKey {
  const key = unseal(kek.key, row.sealedKey, place(row.id))
  const purpose = KEY_PURPOSES.find((candidate) => candidate === row.purpose)
  if (key === null || row.kekId !== kek.id) {
    throw new KeyEncryptionKeyError(
      'KEY_ENCRYPTION_KEY is not the key that sealed the keys in Postgres: give back the one that was ' +
        'used with this database, or use another database.'
    )
  }
  if (purpose === undefined) {
    throw new Error(`Data key ${row.id} is for "${row.purpose}", which this version does not know.`)
  }
  return { id: row.id, key, purpose, activeAt: row.activeAt }
}

async function makeDataKey(tx: Transaction, purpose: KeyPurpose, kek: NamedKey): Promise<DataKey> {
  const id = randomBytes(4).toString('hex')
  const key = randomBytes(32)
  const [{ now }] = await tx.$queryRaw<[{ now: Date }]>`SELECT latchkey_now() AS now`
  const sealedKey = new Uint8Array(seal(kek, key, place(id)))
  await tx.dataKey.create({ data: { id, purpose, kekId: kek.id, sealedKey, activeAt: now } })
  return { id, key, purpose, activeAt: now }
}

const place = (id: string) => `data_key.sealed_key.${id}`
