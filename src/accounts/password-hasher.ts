import { randomBytes } from 'node:crypto'
import { argon2 } from './argon2.ts'
import { randomToken } from '../lib/secrets.ts'
import { isForeignHash, matchesForeign, readStoredHash } from './foreign-hashes/schemes.ts'
import { createHashingQueue, type HashingPlace, type HashingQueueOptions } from './hashing-queue.ts'

export type PasswordHasher = Awaited<ReturnType<typeof createPasswordHasher>>

export type PasswordHasherOptions = HashingQueueOptions & { memoryKib: number; passes: number }

/** As the package makes them. */
const SALT_BYTES = 16
const HASH_BYTES = 32
/** The least that the package takes. */
const TRIAL_KIB = 1_024

/**
 * Argon2id (RFC 9106). A hash takes a core for some 20 ms and shares its threads with every signature,
 * so only a few run at once and a bounded number waits; a flood of logins leaves the rest of the server alone.
 */
export async function createPasswordHasher(options: PasswordHasherOptions) {
  const { inTurn, takePlace, turnAway } = createHashingQueue(options)
  const parameters = {
    type: argon2.argon2id,
    memoryCost: options.memoryKib,
    timeCost: options.passes,
    parallelism: 1
  } as const
  const decoyHash = decoyOf(options)
  // Whether argon2 runs here shows at the start; and the threads that hash are there from now on.
  await argon2.hash(randomToken(), { ...parameters, memoryCost: TRIAL_KIB })

  /**
   * @param salt 16 bytes; random ones where none are given
   * @returns a PHC string
   * @throws {UnavailableError} when too many wait
   */
  async function hash(password: string, salt?: Buffer): Promise<string> {
    const options = salt === undefined ? parameters : { ...parameters, salt }
    return inTurn(() => argon2.hash(normalize(password), options))
  }

  /**
   * Takes the same time whether there is a hash or not, unless it is one that was imported: that takes
   * what its own scheme takes, within bounds.
   * @param place of whoever is on the way since then: that counts as waiting
   * @throws {UnavailableError} when too many wait
   */
  async function matches(
    passwordHash: string | null,
    password: string,
    place?: HashingPlace
  ): Promise<boolean> {
    const spentMs = place === undefined ? 0 : performance.now() - place.takenAtMs
    return inTurn(async () => {
      if (passwordHash !== null && isForeignHash(passwordHash)) {
        const foreign = readStoredHash(passwordHash)
        if (foreign !== null) return matchesForeign(foreign, password)
      }
      const isOwn = passwordHash !== null && !isForeignHash(passwordHash)
      const isRight = await argon2.verify(isOwn ? passwordHash : decoyHash, normalize(password))
      return isRight && isOwn
    }, spentMs)
  }

  /** Whether the hash is another system's, or was made with other parameters than today's. */
  function isOutdated(passwordHash: string): boolean {
    return isForeignHash(passwordHash) || argon2.needsRehash(passwordHash, parameters)
  }

  return { takePlace, turnAway, hash, matches, isOutdated }
}

/**
 * Nobody's hash. Whoever has none is checked against it, in the same time: it asks for what a hash of ours does,
 * and is as long. None was computed for it, or an idle server would keep the memory of that one.
 */
function decoyOf({ memoryKib, passes }: PasswordHasherOptions): string {
  const bytes = (length: number) => randomBytes(length).toString('base64').replaceAll('=', '')
  return `$argon2id$v=19$m=${memoryKib},t=${passes},p=1$${bytes(SALT_BYTES)}$${bytes(HASH_BYTES)}`
}

/** One spelling for what looks alike on different keyboards (NIST SP 800-63B-4 §3.1.1.2). */
export function normalize(password: string): string {
  return password.normalize('NFKC')
}
