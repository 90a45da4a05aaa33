import type { GuessLanes } from '../abuse/guess-lanes.ts'
import type { GuessLimit } from '../abuse/guess-limit.ts'
import type { RequestOrigin } from '../audit/events.ts'
import { ProblemError } from '../errors.ts'
import type { RevocationFeed } from '../tokens/revocation-feed.ts'
import type { ProvenSession, ProveOwnPassword } from './credentials.ts'
import type { Failures } from './failures.ts'
import type { PasswordHasher } from './password-hasher.ts'
import type { PasswordPolicy } from './password-policy.ts'
import type { PasswordStore } from './password-store.ts'
import { requireEmail, type VerificationInput } from './registration.ts'

export type Passwords = ReturnType<typeof createPasswords>

export type PasswordsDeps = {
  store: PasswordStore
  hasher: PasswordHasher
  requireStrongPassword: PasswordPolicy
  limitCodeGuesses: GuessLimit
  proveOwnPassword: ProveOwnPassword
  tellFailedProof: Failures['tellProof']
  forgive: GuessLanes['forgive']
  revocationFeed: RevocationFeed
}

/** Replacing a password: by a mail when it is lost, by itself when it is known. */
export function createPasswords(deps: PasswordsDeps) {
  const {
    store,
    hasher,
    requireStrongPassword,
    limitCodeGuesses,
    proveOwnPassword,
    tellFailedProof,
    forgive,
    revocationFeed
  } = deps

  /**
   * Sets a new password by the mail's link, or by its code beside the address. Ends every session, logs
   * nobody in, and works while the account is locked.
   * @throws {ProblemError} `weak_password`, `invalid_token` (one text for every reason), `too_many_attempts`
   */
  async function reset(
    input: VerificationInput,
    newPassword: string,
    origin: RequestOrigin
  ): Promise<void> {
    const own = 'email' in input ? [input.email] : []
    await requireStrongPassword('new_password', newPassword, own)
    const hash = await hasher.hash(newPassword)
    const replaced =
      'token' in input
        ? await store.reset(input, hash, origin)
        : await resetByCode(requireEmail(input.email).canonical, input.code, hash, origin)
    if (replaced === null) {
      const by = 'token' in input ? 'link' : 'code'
      await tellFailedProof('password.reset_failed', by, origin)
      throw new ProblemError(
        'invalid_token',
        'This link or code is wrong, was used, or has expired. Ask for a new mail.'
      )
    }
    revocationFeed.announce(replaced.ended)
    await forgive({ account: replaced.userId })
  }

  async function resetByCode(
    canonicalEmail: string,
    code: string,
    hash: string,
    origin: RequestOrigin
  ) {
    return limitCodeGuesses(canonicalEmail, () =>
      store.reset({ canonicalEmail, code }, hash, origin)
    )
  }

  /**
   * Replaces a password that its owner knows. The other sessions end, this one stays.
   * @throws {ProblemError} `weak_password`, `invalid_credentials`
   */
  async function change(
    { user, sessionId }: ProvenSession,
    { current, next }: { current: string; next: string },
    origin: RequestOrigin
  ): Promise<void> {
    const own = [user.email, user.username, user.name, user.surname]
    const passwordHash = await proveOwnPassword({ user, sessionId }, current, origin)
    await requireStrongPassword('new_password', next, own)
    const newHash = await hasher.hash(next)
    const proven = { userId: user.id, passwordHash, sessionId }
    const replaced = await store.change(proven, newHash, origin)
    if (replaced === null) {
      throw new ProblemError('invalid_credentials', 'The password was changed meanwhile.')
    }
    revocationFeed.announce(replaced.ended)
  }

  return { reset, change }
}
