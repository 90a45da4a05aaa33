import { KEY_PURPOSES, type DataKeyState } from '../../platform/keys/data-keys.ts'
import type { RowsLeft } from '../data-keys/rows-left-store.ts'
import { amount, error, note, ok, warn, type Finding } from './finding.ts'

export type DataKeysSubject = {
  keys: DataKeyState
  /** Rows under data keys that are not the active ones. */
  countRowsLeft: () => Promise<RowsLeft[]>
}

export const GIVE_BACK =
  'Give back the KEY_ENCRYPTION_KEY (or KEYS_DIR) that was used with this database: no other opens them.'

export function lookAtDataKeys({ keys }: DataKeysSubject): Promise<Finding[]> {
  const { hasKeyEncryptionKey, rows } = keys
  const closed = rows.filter(({ opens }) => !opens)
  const found = (): Finding[] => {
    if (rows.length === 0) return [ok('None yet: the first start makes them.')]
    if (!hasKeyEncryptionKey) {
      const says = `There is no key-encryption key, and ${amount(rows.length, 'data key')} sealed with one.`
      return [error(says, GIVE_BACK)]
    }
    if (closed.length > 0) {
      const purposes = [...new Set(closed.map(({ purpose }) => purpose))].join(', ')
      const says = `The key-encryption key does not open ${amount(closed.length, 'data key')} of ${rows.length} (${purposes}).`
      return [error(says, GIVE_BACK)]
    }
    const missing = KEY_PURPOSES.filter((purpose) => !rows.some((row) => row.purpose === purpose))
    if (missing.length > 0) {
      const says = `There is no data key for ${missing.join(', ')}.`
      return [note(says, 'The next start of a server makes it.')]
    }
    const waiting = rows.filter(({ kek }) => kek === 'other').length
    // The finding about the change says what to do.
    if (waiting > 0)
      return [
        ok(
          `All ${amount(rows.length, 'data key')} open, ${waiting} of them not with KEY_ENCRYPTION_KEY yet.`
        )
      ]
    return [ok(`The key-encryption key opens all ${amount(rows.length, 'data key')}.`)]
  }
  return Promise.resolve(found())
}

/** How far a change of the key-encryption key has come, and whether the setting of the one before can go. */
export function lookAtKeyChange({ keys }: DataKeysSubject): Promise<Finding[]> {
  const { hasKeyEncryptionKey, hasPrevious, rows } = keys
  const opening = hasKeyEncryptionKey ? rows.filter(({ opens }) => opens) : []
  const [other, both] = (['other', 'both'] as const).map((state) =>
    opening.filter(({ kek }) => kek === state)
  )
  if (other !== undefined && other.length > 0) {
    const says = `${amount(other.length, 'data key')} of ${rows.length} ${other.length === 1 ? 'opens' : 'open'} only with another key-encryption key than KEY_ENCRYPTION_KEY.`
    const todo =
      'Start a server with KEY_ENCRYPTION_KEY and KEY_ENCRYPTION_KEY_PREVIOUS: it wraps them anew. Keep the setting until then.'
    return Promise.resolve([warn(says, todo)])
  }
  if (both !== undefined && both.length > 0) {
    const says = `${amount(both.length, 'data key')} open with the key-encryption key before, too.`
    const todo = hasPrevious
      ? 'Once every server has the new KEY_ENCRYPTION_KEY, KEY_ENCRYPTION_KEY_PREVIOUS can go.'
      : 'The next start of a server without KEY_ENCRYPTION_KEY_PREVIOUS ends that.'
    return Promise.resolve([note(says, todo)])
  }
  const says = 'All data keys are under KEY_ENCRYPTION_KEY alone.'
  const todo = 'KEY_ENCRYPTION_KEY_PREVIOUS can go: it opens nothing any more.'
  return Promise.resolve(hasPrevious && rows.length > 0 ? [note(says, todo)] : [])
}

const IN_BACKGROUND =
  'A running server brings them along; npm run keys -- list tells how far it is.'
const UNTIL_EXPIRED = 'They expire; the key goes by itself then.'

/** What is still under older data keys. */
export async function lookAtRowsLeft({ countRowsLeft, keys }: DataKeysSubject): Promise<Finding[]> {
  // Without keys for all there is nothing to count by.
  if (keys.rows.some(({ opens }) => !opens)) return []
  if (KEY_PURPOSES.some((purpose) => !keys.rows.some((row) => row.purpose === purpose))) return []
  const left = await countRowsLeft()
  return left.map(({ keyId, purpose, what, rows, keeps }) => {
    const of = keyId === null ? `an older ${purpose} key` : `key ${keyId}`
    const says = `${amount(rows, 'row')} of ${what} ${rows === 1 ? 'is' : 'are'} still under ${of}`
    if (keeps !== undefined) return ok(`${says}, and stay: ${keeps}.`)
    return note(`${says}.`, keyId === null ? UNTIL_EXPIRED : IN_BACKGROUND)
  })
}
