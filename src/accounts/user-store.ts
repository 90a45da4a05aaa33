import type { User as UserRow } from '../platform/prisma/client.ts'
import type { Sealer } from '../platform/keys/sealer.ts'
import type { Reader } from '../platform/replica.ts'
import type { AccountStoreDeps } from './store-deps.ts'
import { userPlace, type User } from './user.ts'

export type UserStore = ReturnType<typeof createUserStore>

/** `user` is opened when it is asked for: whoever is refused before takes no longer than for nobody. */
export type StoredCredentials = { userId: string; readonly user: User; passwordHash: string | null }

export type UserStoreDeps = Pick<AccountStoreDeps, 'postgres' | 'sealer'> & { reader: Reader }

const COUNTED_FOREIGN = 10_000
/** Its condition is the one of the partial index, word for word: the others are never looked at. */
const COUNT_FOREIGN = {
  name: 'count_foreign_hashes',
  text: `SELECT count(*)::int AS counted,
                (SELECT reltuples::float8 FROM pg_class WHERE oid = 'users_foreign_hash_idx'::regclass) AS estimated
           FROM (SELECT id FROM users WHERE password_hash NOT LIKE '$argon2id$%' LIMIT $1) AS foreign_hashes`
}

export function createUserStore({ postgres, reader, sealer }: UserStoreDeps) {
  async function findByEmail(canonicalEmail: string): Promise<StoredCredentials | null> {
    return opened(
      await postgres.read((db) => {
        const { where } = sealer.emailIndex(canonicalEmail)
        return db.user.findUnique({ where })
      })
    )
  }

  async function findUserByEmail(canonicalEmail: string): Promise<User | null> {
    return (await findByEmail(canonicalEmail))?.user ?? null
  }

  async function findByUsername(username: string): Promise<StoredCredentials | null> {
    return opened(await postgres.read((db) => db.user.findUnique({ where: { username } })))
  }

  async function findById(id: string): Promise<User | null> {
    return (await findCredentials(id))?.user ?? null
  }

  /** People in the order of their ids, to be looked at: nothing is decided by what this says. */
  async function showByIds(ids: string[]): Promise<User[]> {
    const rows = await reader.read((db) => db.user.findMany({ where: { id: { in: ids } } }))
    const users = new Map(rows.map((row) => [row.id, openUser(row, sealer)]))
    return ids.map((id) => users.get(id)).filter((user) => user !== undefined)
  }

  async function findCredentials(id: string): Promise<StoredCredentials | null> {
    return opened(await postgres.read((db) => db.user.findUnique({ where: { id } })))
  }

  /** Replaces a hash that is out of date, unless the password was changed meanwhile. */
  async function replaceHash(id: string, oldHash: string, newHash: string): Promise<boolean> {
    const { count } = await postgres.read((db) =>
      db.user.updateMany({ where: { id, passwordHash: oldHash }, data: { passwordHash: newHash } })
    )
    return count === 1
  }

  /**
   * How many passwords are still hashed as another system did: counted up to ten thousand, beyond that
   * as Postgres last estimated (a count of millions would take longer than anybody waits).
   */
  async function countForeignHashes(): Promise<number> {
    const [row] = await postgres.query<{ counted: number; estimated: number }>(COUNT_FOREIGN, [
      COUNTED_FOREIGN
    ])
    if (row === undefined) throw new Error('A count gives one row.')
    return row.counted < COUNTED_FOREIGN ? row.counted : Math.max(row.counted, row.estimated)
  }

  function opened(row: UserRow | null): StoredCredentials | null {
    if (row === null) return null
    const { id: userId, passwordHash } = row
    return {
      userId,
      passwordHash,
      get user() {
        return openUser(row, sealer)
      }
    }
  }

  return {
    findByEmail,
    findUserByEmail,
    findByUsername,
    findById,
    showByIds,
    findCredentials,
    replaceHash,
    countForeignHashes
  }
}

function openUser(row: UserRow, sealer: Sealer): User {
  const {
    id,
    emailVerifiedAt,
    username,
    name,
    surname,
    locale,
    roles,
    status,
    mustReset,
    createdAt
  } = row
  return {
    id,
    email: sealer.open(row.emailSealed, userPlace(id, 'email_sealed')),
    emailVerifiedAt,
    username,
    name,
    surname,
    phoneNumber:
      row.phoneSealed === null ? null : sealer.open(row.phoneSealed, userPlace(id, 'phone_sealed')),
    locale,
    roles,
    status,
    mustReset,
    createdAt
  }
}
