import type { GuessLanes } from '../abuse/guess-lanes.ts'
import type { GuessLimit } from '../abuse/guess-limit.ts'
import type { LoginPasses } from '../abuse/login-passes.ts'
import type { RequestOrigin } from '../audit/events.ts'
import { ProblemError } from '../errors.ts'
import type { RevocationFeed } from '../tokens/revocation-feed.ts'
import type { ProveOwnPassword } from './credentials.ts'
import type { Failures } from './failures.ts'
import { deviceHashOf } from './known-devices.ts'
import type { PresentedMailToken } from './mail-token-store.ts'
import type { PasswordHasher } from './password-hasher.ts'
import type { PasswordPolicy } from './password-policy.ts'
import type { PasswordStore } from './password-store.ts'
import type { FindOwnWords } from './reset-owner-store.ts'
import { requireEmail, type VerificationInput } from './registration.ts'
import type { User } from './user.ts'

export type Passwords = ReturnType<typeof createPasswords>

export type PasswordsDeps = {
  store: PasswordStore
  findOwnWords: FindOwnWords
  hasher: PasswordHasher
  requireStrongPassword: PasswordPolicy
  limitCodeGuesses: GuessLimit
  proveOwnPassword: ProveOwnPassword
  tellFailedProof: Failures['tellProof']
  forgive: GuessLanes['forgive']
  grantPass: LoginPasses['grant']
  revocationFeed: RevocationFeed
}

/** Whoever has shown that a session is theirs. */
export type ProvenSession = { user: User; sessionId: string }

export type PasswordChange = { current: string; next: string; deviceCookie: string | null }

/** Replacing a password: by a mail when it is lost, by itself when it is known. */
export function createPasswords(deps: PasswordsDeps) {
  const {
    store,
    findOwnWords,
    hasher,
    requireStrongPassword,
    limitCodeGuesses,
    proveOwnPassword,
    tellFailedProof,
    forgive,
    grantPass,
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
    const replaced =
      'token' in input
        ? await resetProven(input, newPassword, origin)
        : await resetByCode(input, newPassword, origin)
    if (replaced instanceof ProblemError) throw replaced
    if (replaced === null) {
      const by = 'token' in input ? 'link' : 'code'
      await tellFailedProof('password.reset_failed', by, origin)
      throw new ProblemError(
        'invalid_token',
        'This link or code is wrong, was used, or has expired. Ask for a new mail.'
      )
    }
    revocationFeed.announce(replaced.ended)
    await Promise.all([forgive({ account: replaced.userId }), grantPass(origin.address)])
  }

  /** A password that is refused costs no try: by the request alone before a code is looked at, or by a right one. */
  async function resetByCode(
    { email, code }: { email: string; code: string },
    newPassword: string,
    origin: RequestOrigin
  ) {
    await requireStrongPassword('new_password', newPassword, [email])
    const canonicalEmail = requireEmail(email).canonical
    return limitCodeGuesses(canonicalEmail, () =>
      resetProven({ canonicalEmail, code }, newPassword, origin)
    )
  }

  /**
   * Whose words count is known by the token alone. What was sent with a dead one is looked at, and hashed, as
   * any other: neither answer nor time tells what it was.
   * @returns why the password of a live token's owner is too weak; null for a dead token
   */
  async function resetProven(
    presented: PresentedMailToken,
    newPassword: string,
    origin: RequestOrigin
  ) {
    const own = await findOwnWords(presented)
    try {
      await requireStrongPassword('new_password', newPassword, own ?? [])
    } catch (error) {
      if (own !== null && error instanceof ProblemError) return error
      throw error
    }
    return store.reset(presented, await hasher.hash(newPassword), origin)
  }

  /**
   * Replaces a password that its owner knows. The other sessions end, this one stays; so does this browser
   * among the known ones, and no other.
   * @param deviceCookie of the browser that asks, if it has one
   * @throws {ProblemError} `weak_password`, `invalid_credentials`
   */
  async function change(
    { user, sessionId }: ProvenSession,
    { current, next, deviceCookie }: PasswordChange,
    origin: RequestOrigin
  ): Promise<void> {
    const own = [user.email, user.username, user.name, user.surname]
    const shown = { password: current, deviceCookie }
    const passwordHash = await proveOwnPassword(user, shown, origin)
    await requireStrongPassword('new_password', next, own)
    const newHash = await hasher.hash(next)
    const proven = { userId: user.id, passwordHash, sessionId, device: deviceHashOf(deviceCookie) }
    const replaced = await store.change(proven, newHash, origin)
    if (replaced === null) {
      throw new ProblemError('invalid_credentials', 'The password was changed meanwhile.')
    }
    revocationFeed.announce(replaced.ended)
  }

  return { reset, change }
}
