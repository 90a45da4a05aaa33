import { sealedKeyOf } from '../audit/event-row.ts'
import type { Sealer } from '../platform/keys/sealer.ts'
import type { Statement } from '../platform/postgres.ts'
import type { User as StoredUser } from '../platform/prisma/client.ts'
import type { Reader } from '../platform/replica.ts'
import type { AccountStoreDeps } from './store-deps.ts'
import { userPlace, type User } from './user.ts'

export type UserStore = ReturnType<typeof createUserStore>

/** `user` is opened when it is asked for: whoever is refused before takes no longer than for nobody. */
export type StoredCredentials = { userId: string; readonly user: User; passwordHash: string | null }

/** What a login needs of whoever it names: their key of the audit trail too, as {@link sealedKeyOf} reads it. */
export type LoginCredentials = StoredCredentials & { sealedKey: Uint8Array | null }

/** What is read of a person wherever one is looked up. */
type UserRow = Pick<
  StoredUser,
  | 'id'
  | 'emailSealed'
  | 'emailVerifiedAt'
  | 'phoneSealed'
  | 'username'
  | 'passwordHash'
  | 'name'
  | 'surname'
  | 'locale'
  | 'roles'
  | 'status'
  | 'mustReset'
  | 'createdAt'
>

export type UserStoreDeps = Pick<AccountStoreDeps, 'postgres' | 'sealer'> & { reader: Reader }

const COUNTED_FOREIGN = 10_000
/** Its condition is the one of the partial index, word for word: the others are never looked at. */
const COUNT_FOREIGN = {
  name: 'count_foreign_hashes',
  text: `SELECT count(*)::int AS counted,
                (SELECT reltuples::float8 FROM pg_class WHERE oid = 'users_foreign_hash_idx'::regclass) AS estimated
           FROM (SELECT id FROM users WHERE password_hash NOT LIKE '$argon2id$%' LIMIT $1) AS foreign_hashes`
}

const findBy = (column: string, type: string, more = ''): Statement => ({
  name: `user_by_${column}`,
  text: `
    SELECT id, email_sealed AS "emailSealed", email_verified_at AS "emailVerifiedAt",
           phone_sealed AS "phoneSealed", username, password_hash AS "passwordHash", name, surname,
           locale, roles, status, must_reset AS "mustReset", created_at AS "createdAt" ${more}
      FROM users WHERE ${column} = $1::${type}`
})
const FIND_BY_ID = findBy('id', 'uuid')
const WITH_KEY = `, ${sealedKeyOf('users.id')} AS "sealedKey"`
const FIND_BY_USERNAME = findBy('username', 'text', WITH_KEY)
/** Either column is unique; which one is read is told by the step of the index ({@link Sealer.emailIndex}). */
const FIND_BY_INDEX = findBy('email_index', 'bytea', WITH_KEY)
const FIND_BY_NEXT_INDEX = findBy('email_index_next', 'bytea', WITH_KEY)

export function createUserStore({ postgres, reader, sealer }: UserStoreDeps) {
  async function findByEmail(canonicalEmail: string): Promise<LoginCredentials | null> {
    const { where, value } = sealer.emailIndex(canonicalEmail)
    return findLogin('emailIndex' in where ? FIND_BY_INDEX : FIND_BY_NEXT_INDEX, value)
  }

  async function findUserByEmail(canonicalEmail: string): Promise<User | null> {
    return (await findByEmail(canonicalEmail))?.user ?? null
  }

  async function findByUsername(username: string): Promise<LoginCredentials | null> {
    return findLogin(FIND_BY_USERNAME, username)
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

  async function findCredentials(id: string): Promise<StoredCredentials | null> {
    const [row] = await postgres.query<UserRow>(FIND_BY_ID, [id])
    return row === undefined ? null : credentialsOf(row)
  }

  async function findLogin(
    statement: Statement,
    value: string | Uint8Array
  ): Promise<LoginCredentials | null> {
    type Row = UserRow & Pick<LoginCredentials, 'sealedKey'>
    const [row] = await postgres.query<Row>(statement, [value])
    if (row === undefined) return null
    const { sealedKey } = row
    return Object.assign(credentialsOf(row), { sealedKey })
  }

  function credentialsOf(row: UserRow): StoredCredentials {
    const { id: userId, passwordHash } = row
    let opened: User | undefined
    return {
      userId,
      passwordHash,
      get user() {
        return (opened ??= openUser(row, sealer))
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
