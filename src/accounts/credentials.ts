import type { FloodCounter } from '../abuse/flood-limit.ts'
import type { GuessLanes } from '../abuse/guess-lanes.ts'
import type { Guess, GuessSubject } from '../abuse/guess.ts'
import type { LoginPasses } from '../abuse/login-passes.ts'
import type { RequestOrigin } from '../audit/events.ts'
import { ProblemError } from '../errors.ts'
import { parseEmailAddress } from '../lib/email-address.ts'
import type { Failures } from './failures.ts'
import type { HashingPlace } from './hashing-queue.ts'
import { nameOf, type Identifier } from './identifier.ts'
import type { KnownDevices } from './known-devices.ts'
import type { SealLockNotice } from './mail-request-store.ts'
import type { PasswordHasher } from './password-hasher.ts'
import { isUsername, type User } from './user.ts'
import type { LoginCredentials, StoredCredentials, UserStore } from './user-store.ts'

const LOGINS_WINDOW_MS = 5 * 60_000

/** A person, and the hash that their password stood for: what follows holds only while it does. */
export type Proven = { user: User; passwordHash: string; sealedKey: Uint8Array | null }

/** Begins what a right password is for, and says whether the lane was cleared with it ({@link Guess.begin}). */
export type BeginWith<P = Proven> = (proven: P, lane: Buffer) => Promise<boolean>

/** What the owner of a session shows again before an act that wants it. */
export type OwnPassword = {
  password: string
  /** The cookie of the browser that asks, which may be a known one. */
  deviceCookie: string | null
}

type Placed = {
  origin: RequestOrigin
  device: (userId: string) => Promise<string | null>
  begin: BeginWith | undefined
  place: HashingPlace
}

/** A guess, and what begins with the hash that it matched. */
type Guessed = Pick<Guess, 'subject' | 'line'> & {
  place?: HashingPlace
  begin?: (passwordHash: string, lane: Buffer) => Promise<boolean>
}

export type Credentials = ReturnType<typeof createCredentials>
export type CheckPassword = Credentials['checkPassword']
export type ProveOwnPassword = Credentials['proveOwnPassword']

export type CredentialsDeps = {
  store: UserStore
  hasher: PasswordHasher
  guess: GuessLanes['guess']
  recognizeDevice: KnownDevices['recognize']
  countFlood: FloodCounter
  /** For a login that is not shed all the same: where a password was reset lately. */
  takePass: LoginPasses['take']
  /** Logins under one name, known or not, in five minutes, before they are shed unseen. */
  loginsPerName: number
  tellFailedPassword: Failures['tellPassword']
  /** What is written when an account, or what is none, was guessed at too often. */
  sealLockNotice: SealLockNotice
}

/**
 * Every place where a password is compared. Whatever the door, guesses at an account count on one lane; only
 * a browser that has logged in before has a lane of its own, under the same limits.
 */
export function createCredentials(deps: CredentialsDeps) {
  const { store, hasher, guess, recognizeDevice, countFlood, takePass, loginsPerName } = deps
  const { sealLockNotice, tellFailedPassword } = deps

  /**
   * Whose password this is, or null: unknown, wrong, locked, and nothing to compare with take the same
   * time. A registration that was not verified is no user, so its password opens nothing.
   * @param device the lane of a browser that has logged in before, if it is one of this person's
   * @param begin is not asked where the hash has to be replaced first
   * @throws {ProblemError} `too_many_attempts` per name, known or not
   */
  async function checkPassword(
    identifier: Identifier,
    password: string,
    origin: RequestOrigin,
    device: (userId: string) => Promise<string | null> = () => Promise.resolve(null),
    begin?: BeginWith
  ): Promise<Proven | null> {
    const place = hasher.takePlace()
    try {
      return await checkPlaced(identifier, password, { origin, device, begin, place })
    } finally {
      place.release()
    }
  }

  async function checkPlaced(
    identifier: Identifier,
    password: string,
    { origin, device, begin, place }: Placed
  ): Promise<Proven | null> {
    const name = nameOf(identifier)
    const found = await find(identifier)
    const lane = found === null ? null : await device(found.userId)
    if (lane === null) await shedFlood(name, origin)
    const [subject, line] =
      lane !== null ? [{ device: lane }, `device ${lane}`] : [accountOf(found, name), name]
    const proven = (passwordHash: string): Proven | null =>
      found && { user: found.user, passwordHash, sealedKey: found.sealedKey }
    const beginAs = async (passwordHash: string, lane: Buffer) => {
      const login = proven(passwordHash)
      return login !== null && begin !== undefined && begin(login, lane)
    }
    const guessed = { subject, line, place, begin: beginAs }
    const passwordHash = await prove(guessed, found, password, origin)
    return passwordHash === null ? null : proven(passwordHash)
  }

  /**
   * Re-authentication: the person is known, their password has to be shown again. Guesses count where those
   * at the login do: a stolen session guesses no faster than a stranger, and has no guesses beside theirs.
   * @returns the hash that it matched
   * @throws {ProblemError} `invalid_credentials`
   */
  async function proveOwnPassword(
    { id: userId }: User,
    { password, deviceCookie }: OwnPassword,
    origin: RequestOrigin
  ): Promise<string> {
    const found = await store.findCredentials(userId)
    const lane = await recognizeDevice(deviceCookie, userId)
    const guessed =
      lane === null
        ? { subject: { account: userId }, line: `account ${userId}` }
        : { subject: { device: lane }, line: `device ${lane}` }
    const proven = await prove(guessed, found, password, origin)
    if (proven !== null) return proven
    await tellFailedPassword(userId, origin)
    throw new ProblemError('invalid_credentials', 'This is not your password.')
  }

  /** @returns the hash that stands for the password from now on, or null when it is not the right one */
  async function prove(
    { subject, line, place, begin }: Guessed,
    found: StoredCredentials | null,
    password: string,
    origin: RequestOrigin
  ): Promise<string | null> {
    const passwordHash = found?.passwordHash ?? null
    const isRight = await guess({
      subject,
      line,
      notice: sealLockNotice(found?.userId ?? null, subject, origin),
      requireTime: place?.requireTime,
      judge: async (mayCount) => {
        place?.release()
        return hasher.matches(mayCount ? passwordHash : null, password, place)
      },
      begin: async (lane) => {
        if (begin === undefined || passwordHash === null) return false
        return !hasher.isOutdated(passwordHash) && begin(passwordHash, lane)
      }
    })
    if (!isRight || found === null || passwordHash === null) return null
    if (!hasher.isOutdated(passwordHash)) return passwordHash
    const fresh = await hasher.hash(password)
    if (await store.replaceHash(found.userId, passwordHash, fresh)) return fresh
    // Another login renewed it at the same time, or the password was changed: then it must match anew.
    const current = (await store.findCredentials(found.userId))?.passwordHash ?? null
    return (await hasher.matches(current, password)) ? current : null
  }

  /**
   * The count is of what was typed alone, whatever becomes of it meanwhile: an account that is made, reset or
   * erased would show in a count that begins anew.
   */
  async function shedFlood(name: string, { address }: RequestOrigin): Promise<void> {
    const { count, resetsInMs } = await countFlood('login', name, LOGINS_WINDOW_MS)
    if (count <= loginsPerName || (await takePass(address))) return
    throw new ProblemError('too_many_attempts', 'Too many attempts. Try again later.', {
      retryAfterSeconds: Math.ceil(resetsInMs / 1_000)
    })
  }

  async function find(identifier: Identifier): Promise<LoginCredentials | null> {
    if ('username' in identifier) {
      const username = identifier.username.toLowerCase()
      // What can be nobody's name may be no text for Postgres; asking for no name takes the same time.
      return store.findByUsername(isUsername(username) ? username : '')
    }
    const email = parseEmailAddress(identifier.email)
    return email === null ? null : store.findByEmail(email.canonical)
  }

  return { checkPassword, proveOwnPassword }
}

function accountOf(found: StoredCredentials | null, name: string): GuessSubject {
  return found === null ? { unknown: name } : { account: found.userId }
}
