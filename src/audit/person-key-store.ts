import { randomBytes } from 'node:crypto'
import type { Sealer } from '../platform/keys/sealer.ts'
import type { Connection } from '../platform/postgres.ts'

/** The keys that were asked for. `null` is a key that was destroyed; one that never was is missing. */
export type PersonKeys = ReadonlyMap<string, Buffer | null>

/**
 * A key per person, for the addresses in their events: the trail is never rewritten, so destroying the key
 * is what erases them. Nothing is kept in memory, where a replica would go on with a key that another one
 * has destroyed.
 */
export function createPersonKeyStore(sealer: Sealer) {
  /** What the trail is shown with; it may be a replica's. */
  async function find(reader: Connection, userIds: string[]): Promise<PersonKeys> {
    if (userIds.length === 0) return new Map()
    return openAll(await reader.query<KeyRow>(FIND, [userIds]))
  }

  /**
   * The keys of these people, and new ones for those who have none yet: whoever writes an event with them
   * writes them too ({@link addKeys}).
   *
   * An event that is written while its person is erased: either it got the key, which is gone once both
   * have committed, or it waits for the row that says so and gets null. No key comes back, for the row of
   * a destroyed one stays.
   * @param areNew they are not looked up; where one has a key after all, it is not written
   */
  async function obtain(
    tx: Connection,
    userIds: string[],
    areNew: boolean
  ): Promise<{ keys: PersonKeys; added: AddedKeys }> {
    const found = userIds.length === 0 || areNew ? [] : await tx.query<KeyRow>(FIND, [userIds])
    const keys = new Map(openAll(found))
    // In one order for everybody, or two writers could wait for each other.
    const unknown = userIds.filter((id) => !keys.has(id)).sort()
    const made = make(unknown)
    for (const [id, key] of made.keys) keys.set(id, key)
    return { keys, added: made.added }
  }

  /** New keys, of no use before {@link addKeys} has added them. */
  function make(userIds: string[]): { keys: PersonKeys; added: AddedKeys } {
    const keys = new Map(userIds.map((id) => [id, randomBytes(32)]))
    const sealedKeys = [...keys].map(([id, key]) => sealer.sealBytes('audit', key, place(id)))
    return { keys, added: { userIds, sealedKeys } }
  }

  /** The keys of these people, made where there is none yet. One statement unless somebody is new. */
  async function ensure(db: Connection, userIds: string[]): Promise<PersonKeys> {
    const { keys, added } = await obtain(db, userIds, false)
    if (added.userIds.length === 0) return keys
    await db.query(ADD, [added.userIds, added.sealedKeys])
    // Somebody else may have been first.
    return openAll(await db.query<KeyRow>(FIND, [userIds]))
  }

  function openAll(rows: KeyRow[]): PersonKeys {
    return new Map(
      rows.map(({ userId, sealedKey }) => [
        userId,
        sealedKey && sealer.openBytes('audit', sealedKey, place(userId))
      ])
    )
  }

  return { find, obtain, make, ensure, openAll }
}

/** Keys that are still to be written, for people who had none. */
export type AddedKeys = { userIds: string[]; sealedKeys: Uint8Array[] }

/** A row as it was read. */
type KeyRow = { userId: string; sealedKey: Uint8Array | null }

const FIND = {
  name: 'audit_key_find',
  text: `
    SELECT user_id AS "userId", sealed_key AS "sealedKey" FROM audit_key
     WHERE user_id = ANY($1::uuid[])`
}

/** The parameters are {@link AddedKeys}. It returns those who really had none. */
export const addKeys = (userIds: string, sealedKeys: string, condition = 'TRUE') => `
  INSERT INTO audit_key (user_id, sealed_key)
  SELECT * FROM unnest(${userIds}::uuid[], ${sealedKeys}::bytea[]) WHERE ${condition}
  ON CONFLICT (user_id) DO NOTHING RETURNING user_id`

const ADD = { name: 'audit_key_add', text: addKeys('$1', '$2') }

const place = (userId: string) => ({ table: 'audit_key', column: 'sealed_key', row: userId })
