import type { CheckPassword, Identifier } from '../accounts/credentials.ts'
import type { Failures } from '../accounts/failures.ts'
import type { User } from '../accounts/user.ts'
import type { RequestOrigin } from '../audit/events.ts'
import { ProblemError } from '../errors.ts'
import type { KnownDevices } from '../accounts/known-devices.ts'

/** What every way of logging in by password shows. */
export type PasswordLogin = {
  identifier: Identifier
  password: string
  /** The cookie of a browser that may have logged in before. */
  deviceCookie: string | null
}

/** Somebody who may have a session now, as long as `passwordHash` is still theirs. */
export type ProvenLogin = {
  user: User
  passwordHash: string
  isKnownDevice: boolean
  /** Makes the cookie of a browser that is not known yet. */
  rememberDevice: (() => Promise<string>) | null
}

export type ProveLogin = ReturnType<typeof createLoginProof>

export type LoginProofDeps = {
  checkPassword: CheckPassword
  tellFailedLogin: Failures['tellLogin']
  devices: KnownDevices
  /** What happens to a person whose address was never proven (they exist in closed networks and imports). */
  unverified: 'allowed' | 'told' | 'refused'
}

/** The one place that decides whether a password begins a session, by whichever door. */
export function createLoginProof(deps: LoginProofDeps) {
  const { checkPassword, tellFailedLogin, devices, unverified } = deps

  /**
   * @throws {ProblemError} `invalid_credentials` for every reason an attacker would like to tell apart;
   *   after the right password `account_disabled`, `email_not_verified`, `password_reset_required`
   */
  return async function proveLogin(
    { identifier, password, deviceCookie }: PasswordLogin,
    origin: RequestOrigin
  ): Promise<ProvenLogin> {
    const device = { isKnown: false }
    const proven = await checkPassword(identifier, password, origin, async (userId) => {
      const lane = await devices.recognize(deviceCookie, userId)
      device.isKnown = lane !== null
      return lane
    })
    const user = proven?.user ?? null
    const isUnproven = user !== null && user.emailVerifiedAt === null
    if (proven === null || user === null) {
      await tellFailedLogin(origin)
      throw invalidCredentials()
    }
    const { id: userId } = user
    if (isUnproven && unverified === 'refused') {
      await tellFailedLogin(origin, { userId, reason: 'email_not_verified' })
      throw invalidCredentials()
    }
    if (user.status === 'disabled') {
      await tellFailedLogin(origin, { userId, reason: 'account_disabled' })
      throw accountDisabled()
    }
    if (isUnproven && unverified === 'told') {
      await tellFailedLogin(origin, { userId, reason: 'email_not_verified' })
      throw new ProblemError('email_not_verified', 'Follow the link in the mail that we sent you.')
    }
    if (user.mustReset) {
      await tellFailedLogin(origin, { userId, reason: 'password_reset_required' })
      throw new ProblemError('password_reset_required', 'Reset your password by mail, then log in.')
    }
    const { passwordHash } = proven
    return {
      user,
      passwordHash,
      isKnownDevice: device.isKnown,
      rememberDevice: device.isKnown ? null : () => devices.remember(userId, passwordHash)
    }
  }
}

function accountDisabled(): ProblemError {
  return new ProblemError('account_disabled', 'This account is disabled. Ask an administrator.')
}

/** One text for unknown, wrong, locked, and a person who changed while the password was checked. */
export function invalidCredentials(): ProblemError {
  return new ProblemError(
    'invalid_credentials',
    'Address or password is wrong, or the address is not verified yet.'
  )
}
