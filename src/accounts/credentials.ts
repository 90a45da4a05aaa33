import { parseEmailAddress } from '../lib/email-address.ts'
import type { PasswordHasher } from './password-hasher.ts'
import type { User } from './user.ts'
import type { StoredCredentials, UserStore } from './user-store.ts'

/** How somebody names themselves at the login. */
export type Identifier = { email: string } | { username: string }

export type CheckPassword = ReturnType<typeof createPasswordCheck>

export type PasswordCheckDeps = { store: UserStore; hasher: PasswordHasher }

export function createPasswordCheck({ store, hasher }: PasswordCheckDeps) {
  /**
   * Whose password this is, or null: unknown, wrong, and nothing to compare with take the same time. A
   * registration that was not verified is no user, so its password opens nothing.
   */
  return async function checkPassword(
    identifier: Identifier,
    password: string
  ): Promise<User | null> {
    const found = await find(identifier)
    const passwordHash = found?.passwordHash ?? null
    if (!(await hasher.matches(passwordHash, password)) || found === null) return null
    if (passwordHash !== null && hasher.isOutdated(passwordHash)) {
      await store.replaceHash(found.user.id, passwordHash, await hasher.hash(password))
    }
    return found.user
  }

  async function find(identifier: Identifier): Promise<StoredCredentials | null> {
    if ('username' in identifier) return store.findByUsername(identifier.username.toLowerCase())
    const email = parseEmailAddress(identifier.email)
    return email === null ? null : store.findByEmail(email.canonical)
  }
}
