import { share } from '../../lib/share.ts'
import { lockForTransaction } from '../locks.ts'
import type { Connection, Postgres } from '../postgres.ts'
import {
  findDataKeyRows,
  KEY_PURPOSES,
  makeDataKey,
  purposeOf,
  unwrapKey,
  type DataKey,
  type DataKeyRow
} from './data-key-rows.ts'
import { createDataKeySet, type DataKeySet } from './data-key-set.ts'
import {
  findKeyEncryptionKeys,
  makeKeyFile,
  nameKey,
  type KeyEncryptionKeys,
  type KeySources
} from './key-encryption-key.ts'

export { KEY_PURPOSES, type DataKey, type KeyPurpose } from './data-key-rows.ts'

/** What whoever uses data keys needs of them. */
export type DataKeys = DataKeySet

/** Data keys that follow what Postgres holds. */
export type LiveDataKeys = Awaited<ReturnType<typeof unlockDataKeys>>

/** The keys that Postgres holds cannot be opened: the server must not start, nor make new ones. */
export class KeyEncryptionKeyError extends Error {
  override readonly name = 'KeyEncryptionKeyError'
}

export type UnlockOptions = KeySources & {
  postgres: Postgres
  /** Postgres' time. */
  now?: () => Date
}

/** No try to read for so long: this process was frozen. They come once a second, and fail within 3 s. */
const FROZEN_MS = 5_000

/**
 * Opens the data keys that all replicas share, and makes those that are missing; on an empty database
 * any number of servers at once agree on one set.
 * @throws {KeyEncryptionKeyError} when sealed keys exist and the key-encryption key is missing or another
 */
export async function unlockDataKeys(options: UnlockOptions) {
  const { postgres, keysDir, now = () => new Date() } = options
  const { keks, keys } = await postgres.hotTransaction(async (tx) => {
    await lockForTransaction(tx, 'data_keys')
    const rows = await findDataKeyRows(tx)
    const known = await findKeyEncryptionKeys(options)
    if (known === null && rows.length > 0) {
      throw new KeyEncryptionKeyError(
        'Postgres holds sealed keys, but there is no key-encryption key: ' +
          'set KEY_ENCRYPTION_KEY or put the file kek back into KEYS_DIR.'
      )
    }
    const keks = known ?? { current: nameKey(await makeKeyFile(keysDir)), previous: null }
    return { keks, keys: await openAll(tx, rows, keks) }
  })
  const set = createDataKeySet(keys, now)
  let triedAtMs = performance.now()
  let readAtMs = triedAtMs
  /** Reads anew what Postgres holds. */
  const reload = share(async () => {
    try {
      const rows = await findDataKeyRows(postgres)
      set.replace(openKnown(rows, keks))
      readAtMs = performance.now()
    } finally {
      triedAtMs = performance.now()
    }
  })

  const isFrozen = () => performance.now() - triedAtMs > FROZEN_MS

  /** A process that was frozen knows the keys of before: whatever it does next reads them first. */
  function afterFreeze(next: () => void): void {
    if (isFrozen()) reload().then(next, next)
    else next()
  }

  /** Whether the last good reading is older than it should be; it is made up for at once. */
  function isBehind(): boolean {
    if (performance.now() - readAtMs < FROZEN_MS) return false
    reload().catch(() => undefined)
    return true
  }

  return { ...set, keks, reload, isFrozen, afterFreeze, isBehind }
}

async function openAll(
  tx: Connection,
  rows: DataKeyRow[],
  keks: KeyEncryptionKeys
): Promise<DataKey[]> {
  const opened = openKnown(rows, keks)
  const missing = KEY_PURPOSES.filter((purpose) => !opened.some((key) => key.purpose === purpose))
  for (const purpose of missing) opened.push(await makeDataKey(tx, purpose, keks))
  return opened
}

/** Which rows the key-encryption key opens: for looking only, nothing is made. */
export type DataKeyState = {
  hasKeyEncryptionKey: boolean
  /** Whether the one before is given too. */
  hasPrevious: boolean
  rows: { id: string; purpose: string; opens: boolean; kek: KekState }[]
  /** Those that open. */
  dataKeys: DataKeys
}

/**
 * How far a change of the key-encryption key has come for a row: under the current one alone, under it and
 * another one, or not under it at all.
 */
export type KekState = 'current' | 'both' | 'other'

/** Looks at the data keys without making any, nor a key-encryption key. */
export async function inspectDataKeys(options: UnlockOptions): Promise<DataKeyState> {
  const { postgres, now = () => new Date() } = options
  const rows = await findDataKeyRows(postgres)
  const keks = await findKeyEncryptionKeys(options)
  const opened = rows.map((row) => {
    const key = keks && unwrapKey(row, keks)
    const purpose = purposeOf(row)
    return key === null || purpose === undefined ? null : dataKeyOf(row, key, purpose)
  })
  return {
    hasKeyEncryptionKey: keks !== null,
    hasPrevious: keks !== null && keks.previous !== null,
    rows: rows.map((row, index) => ({
      id: row.id,
      purpose: row.purpose,
      opens: opened[index] !== null,
      kek: kekStateOf(row, keks)
    })),
    dataKeys: createDataKeySet(
      opened.filter((key) => key !== null),
      now
    )
  }
}

function kekStateOf(row: DataKeyRow, keks: KeyEncryptionKeys | null): KekState {
  if (row.kekId !== keks?.current.id) return 'other'
  return row.previousKekId === null ? 'current' : 'both'
}

/** A newer release beside this one may have keys for more than this one knows: those are its own business. */
function openKnown(rows: DataKeyRow[], keks: KeyEncryptionKeys): DataKey[] {
  return rows.flatMap((row) => {
    const purpose = purposeOf(row)
    return purpose === undefined ? [] : openDataKey(row, purpose, keks)
  })
}

function openDataKey(row: DataKeyRow, purpose: DataKey['purpose'], keks: KeyEncryptionKeys) {
  const key = unwrapKey(row, keks)
  if (key === null) {
    const nor = keks.previous === null ? '' : ', nor does KEY_ENCRYPTION_KEY_PREVIOUS open them'
    throw new KeyEncryptionKeyError(
      `KEY_ENCRYPTION_KEY is not the key that sealed the keys in Postgres${nor}: give back the one that was ` +
        'used with this database, or use another database.'
    )
  }
  return dataKeyOf(row, key, purpose)
}

function dataKeyOf(row: DataKeyRow, key: Buffer, purpose: DataKey['purpose']): DataKey {
  const { id, activeAt, readsAt, leadsAt, settledAt } = row
  return { id, key, purpose, activeAt, readsAt, leadsAt, settledAt }
}
