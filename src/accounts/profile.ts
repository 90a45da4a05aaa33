import type { RequestOrigin } from '../audit/events.ts'
import { PersonGoneError, ProblemError } from '../errors.ts'
import type { RevocationFeed } from '../tokens/revocation-feed.ts'
import type { OwnPassword, ProveOwnPassword } from './credentials.ts'
import type { ErasureWarrant, ProfileChange, ProfileStore } from './profile-store.ts'
import type { User } from './user.ts'
import type { UserStore } from './user-store.ts'

export type ProfilesDeps = {
  store: ProfileStore
  users: UserStore
  proveOwnPassword: ProveOwnPassword
  revocationFeed: RevocationFeed
}

/** What a person does with their own data: look, change, have it erased. */
export function createProfiles(deps: ProfilesDeps) {
  const { store, users, proveOwnPassword, revocationFeed } = deps

  /** @throws {ProblemError} `username_taken`, `invalid_access_token` when the person was erased meanwhile */
  async function change(user: User, wanted: ProfileChange, origin: RequestOrigin): Promise<User> {
    const outcome = await store.update(user, wanted, origin)
    if (outcome === 'username_taken') {
      throw new ProblemError('username_taken', 'This username is taken. Choose another one.')
    }
    const changed = outcome === 'gone' ? null : await users.findById(user.id)
    if (changed === null) throw new PersonGoneError()
    return changed
  }

  /** @throws {ProblemError} `invalid_credentials`, `erasure_not_yet` */
  async function erase(user: User, shown: OwnPassword, origin: RequestOrigin): Promise<void> {
    const provenHash = await proveOwnPassword(user, shown, origin)
    if (await eraseBy(user, origin, { provenHash })) return
    throw new ProblemError('invalid_credentials', 'The password was changed meanwhile.')
  }

  /**
   * Erases on an administrator's word.
   * @param actorId null for an operator
   * @returns false when somebody else was quicker
   * @throws {ProblemError} `erasure_not_yet`
   */
  async function eraseProven(
    user: User,
    origin: RequestOrigin,
    actorId: string | null
  ): Promise<boolean> {
    return eraseBy(user, origin, { actorId })
  }

  async function eraseBy(
    user: User,
    origin: RequestOrigin,
    warrant: ErasureWarrant
  ): Promise<boolean> {
    const outcome = await store.erase(user, origin, warrant)
    if (outcome.kind === 'gone or changed') return false
    if (outcome.kind === 'not_yet') {
      throw new ProblemError(
        'erasure_not_yet',
        'The address was changed lately and that can still be undone. Try again after 72 hours.'
      )
    }
    revocationFeed.announce([{ kind: 'user', subject: user.id, revokedAt: outcome.revokedAt }])
    return true
  }

  return { change, erase, eraseProven }
}
