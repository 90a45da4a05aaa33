import type { BeginWith, CheckPassword, Proven } from '../accounts/credentials.ts'
import type { Identifier } from '../accounts/identifier.ts'
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

/** Somebody who may have a session, as long as `passwordHash` is still theirs. */
export type ProvenLogin = {
  user: User
  passwordHash: string
  sealedKey: Uint8Array | null
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
   * @param begin begins the session, while the guess is still held where there is a lane: then it clears that too. It
   *   gives null for a person who changed while the password was checked
   * @throws {ProblemError} `invalid_credentials` for every reason an attacker would like to tell apart;
   *   after the right password `account_disabled`, `email_not_verified`, `password_reset_required`
   */
  return async function proveLogin<Begun>(
    { identifier, password, deviceCookie }: PasswordLogin,
    origin: RequestOrigin,
    begin: (login: ProvenLogin, lane: Buffer | null) => Promise<Begun | null>
  ): Promise<ProvenLogin & { begun: Begun }> {
    const device = { isKnown: false }
    const loginOf = ({ user, passwordHash, sealedKey }: Proven): ProvenLogin => ({
      user,
      passwordHash,
      sealedKey,
      isKnownDevice: device.isKnown,
      rememberDevice: device.isKnown ? null : () => devices.remember(user.id, passwordHash)
    })
    const held: { begun?: Begun | null } = {}
    const beginHeld: BeginWith = async (proven, lane) => {
      if (refusalOf(proven.user) !== null) return false
      held.begun = await begin(loginOf(proven), lane)
      return held.begun !== null
    }
    const proven = await checkPassword(
      identifier,
      password,
      origin,
      async (userId) => {
        const lane = await devices.recognize(deviceCookie, userId)
        device.isKnown = lane !== null
        return lane
      },
      beginHeld
    )
    if (proven === null) {
      await tellFailedLogin(origin)
      throw invalidCredentials()
    }
    const refusal = refusalOf(proven.user)
    if (refusal !== null) {
      const { reason, error } = refusal
      await tellFailedLogin(origin, { userId: proven.user.id, reason })
      throw error
    }
    const login = loginOf(proven)
    const begun = held.begun === undefined ? await begin(login, null) : held.begun
    if (begun === null) {
      await tellFailedLogin(origin)
      throw invalidCredentials()
    }
    return { ...login, begun }
  }

  /** Why somebody who knows the password may have no session all the same. */
  function refusalOf({ emailVerifiedAt, status, mustReset }: User) {
    const isUnproven = emailVerifiedAt === null
    if (isUnproven && unverified === 'refused') {
      return { reason: 'email_not_verified', error: invalidCredentials() } as const
    }
    if (status === 'disabled') {
      const says = 'This account is disabled. Ask an administrator.'
      return {
        reason: 'account_disabled',
        error: new ProblemError('account_disabled', says)
      } as const
    }
    if (isUnproven && unverified === 'told') {
      const says = 'Follow the link in the mail that we sent you.'
      return {
        reason: 'email_not_verified',
        error: new ProblemError('email_not_verified', says)
      } as const
    }
    if (mustReset) {
      const says = 'Reset your password by mail, then log in.'
      return {
        reason: 'password_reset_required',
        error: new ProblemError('password_reset_required', says)
      } as const
    }
    return null
  }
}

/** One text for unknown, wrong, locked, and a person who changed while the password was checked. */
function invalidCredentials(): ProblemError {
  return new ProblemError(
    'invalid_credentials',
    'Address or password is wrong, or the address is not verified yet.'
  )
}
