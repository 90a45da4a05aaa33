import { ProblemError } from '../errors.ts'
import { hmacSha256 } from '../lib/secrets.ts'
import type { DataKeys } from '../platform/keys/data-keys.ts'
import type { AttemptStore } from './attempt-store.ts'

export type GuessLimit = ReturnType<typeof createGuessLimit>

export type GuessLimitDeps = {
  store: AttemptStore
  dataKeys: DataKeys
  /** What is being guessed: counters of different kinds never meet. */
  kind: string
  limit: number
  windowSeconds: number
}

/** At most `limit` wrong guesses per subject and window, counted alike for subjects that do not exist. */
export function createGuessLimit({ store, dataKeys, kind, limit, windowSeconds }: GuessLimitDeps) {
  /**
   * Runs `guess` if one is left; a right guess is not counted.
   * @returns what `guess` gave; null means that it was wrong
   * @throws {ProblemError} `too_many_attempts` without looking at the guess
   */
  return async function guarded<T>(
    subject: string,
    guess: () => Promise<T | null>
  ): Promise<T | null> {
    const counter = hmacSha256(dataKeys.newest('blind_index'), `guess\0${kind}\0${subject}`)
    const { count, endsInSeconds } = await store.reserve(counter, windowSeconds)
    if (count > limit) {
      throw new ProblemError('too_many_attempts', 'Too many attempts. Try again later.', {
        retryAfterSeconds: Math.ceil(endsInSeconds)
      })
    }
    const result = await guess()
    if (result !== null) await store.giveBack(counter)
    return result
  }
}
