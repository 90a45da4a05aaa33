import { randomBytes } from 'node:crypto'
import type { CheckPassword, Identifier } from '../accounts/credentials.ts'
import type { User } from '../accounts/user.ts'
import type { RequestOrigin } from '../audit/events.ts'
import { ProblemError } from '../errors.ts'
import { FIRST_PARTY_CLIENT, FIRST_PARTY_SCOPE } from './session.ts'
import type { SessionStore } from './session-store.ts'
import type { IssuePair, TokenPair } from './token-pair.ts'

export type LoginInput = { identifier: Identifier; password: string; device: string | null }

export type Login = ReturnType<typeof createLogin>

export type LoginDeps = {
  checkPassword: CheckPassword
  store: SessionStore
  issuePair: IssuePair
  /** What happens to a person whose address was never proven (they exist in closed networks and imports). */
  unverified: 'allowed' | 'told' | 'refused'
}

export function createLogin({ checkPassword, store, issuePair, unverified }: LoginDeps) {
  /**
   * Begins a session for whoever knows the password.
   * @throws {ProblemError} `invalid_credentials` for every reason an attacker would like to tell apart;
   *   after the right password `account_disabled`, `email_not_verified`
   */
  return async function login(
    input: LoginInput,
    origin: RequestOrigin
  ): Promise<TokenPair & { user: User }> {
    const user = await checkPassword(input.identifier, input.password)
    const isUnproven = user !== null && user.emailVerifiedAt === null
    if (user === null || (isUnproven && unverified === 'refused')) {
      await store.recordFailure(origin)
      throw new ProblemError(
        'invalid_credentials',
        'Address or password is wrong, or the address is not verified yet.'
      )
    }
    if (user.status === 'disabled') {
      await store.recordFailure(origin)
      throw accountDisabled()
    }
    if (isUnproven && unverified === 'told') {
      await store.recordFailure(origin)
      throw new ProblemError('email_not_verified', 'Follow the link in the mail that we sent you.')
    }
    const secret = randomBytes(32)
    const session = await store.create(
      {
        userId: user.id,
        clientId: FIRST_PARTY_CLIENT,
        scope: FIRST_PARTY_SCOPE,
        secret,
        delivery: 'body',
        amr: ['pwd'],
        device: input.device
      },
      origin
    )
    if (session === null) throw accountDisabled()
    return { ...(await issuePair(session, secret)), user }
  }
}

function accountDisabled(): ProblemError {
  return new ProblemError('account_disabled', 'This account is disabled. Ask an administrator.')
}
