import { randomBytes } from 'node:crypto'
import type { CheckPassword, Identifier } from '../accounts/credentials.ts'
import type { User } from '../accounts/user.ts'
import type { RequestOrigin } from '../audit/events.ts'
import { ProblemError } from '../errors.ts'
import type { KnownDevices } from './known-devices.ts'
import { FIRST_PARTY_CLIENT, FIRST_PARTY_SCOPE, type Delivery } from './session.ts'
import type { SessionStore } from './session-store.ts'
import type { IssuePair, TokenPair } from './token-pair.ts'

export type LoginInput = {
  identifier: Identifier
  password: string
  /** What the person calls it, or what the browser says of itself. */
  device: string | null
  delivery: Delivery
  /** The cookie of a browser that may have logged in before. */
  deviceCookie: string | null
}

/** `rememberDevice` makes the cookie of a browser that is not known yet. */
export type LoggedIn = TokenPair & { user: User; rememberDevice: (() => Promise<string>) | null }

export type Login = ReturnType<typeof createLogin>

export type LoginDeps = {
  checkPassword: CheckPassword
  store: SessionStore
  issuePair: IssuePair
  devices: KnownDevices
  /** What happens to a person whose address was never proven (they exist in closed networks and imports). */
  unverified: 'allowed' | 'told' | 'refused'
}

export function createLogin({ checkPassword, store, issuePair, devices, unverified }: LoginDeps) {
  /**
   * Begins a session for whoever knows the password.
   * @throws {ProblemError} `invalid_credentials` for every reason an attacker would like to tell apart;
   *   after the right password `account_disabled`, `email_not_verified`
   */
  return async function login(input: LoginInput, origin: RequestOrigin): Promise<LoggedIn> {
    const device = { isKnown: false }
    const proven = await checkPassword(input.identifier, input.password, origin, async (userId) => {
      const lane = await devices.recognize(input.deviceCookie, userId)
      device.isKnown = lane !== null
      return lane
    })
    const user = proven?.user ?? null
    const isUnproven = user !== null && user.emailVerifiedAt === null
    if (proven === null || user === null) {
      await store.recordFailure(origin)
      throw invalidCredentials()
    }
    const { id: userId } = user
    if (isUnproven && unverified === 'refused') {
      await store.recordFailure(origin, { userId, reason: 'email_not_verified' })
      throw invalidCredentials()
    }
    if (user.status === 'disabled') {
      await store.recordFailure(origin, { userId, reason: 'account_disabled' })
      throw accountDisabled()
    }
    if (isUnproven && unverified === 'told') {
      await store.recordFailure(origin, { userId, reason: 'email_not_verified' })
      throw new ProblemError('email_not_verified', 'Follow the link in the mail that we sent you.')
    }
    if (user.mustReset) {
      await store.recordFailure(origin, { userId, reason: 'password_reset_required' })
      throw new ProblemError('password_reset_required', 'Reset your password by mail, then log in.')
    }
    const secret = randomBytes(32)
    const session = await store.create(
      {
        userId: user.id,
        clientId: FIRST_PARTY_CLIENT,
        scope: FIRST_PARTY_SCOPE,
        secret,
        delivery: input.delivery,
        amr: ['pwd'],
        device: input.device
      },
      { isKnownDevice: device.isKnown, passwordHash: proven.passwordHash },
      origin
    )
    if (session === null) {
      await store.recordFailure(origin, { userId, reason: 'changed_meanwhile' })
      throw invalidCredentials()
    }
    const pair = await issuePair(session, secret)
    return {
      ...pair,
      user,
      rememberDevice: device.isKnown ? null : () => devices.remember(user.id)
    }
  }
}

function accountDisabled(): ProblemError {
  return new ProblemError('account_disabled', 'This account is disabled. Ask an administrator.')
}

function invalidCredentials(): ProblemError {
  return new ProblemError(
    'invalid_credentials',
    'Address or password is wrong, or the address is not verified yet.'
  )
}
