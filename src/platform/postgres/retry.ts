import { setTimeout as delay } from 'node:timers/promises'
import { PersonGoneError, UnavailableError } from '../../errors.ts'
import { StatementNamesError } from './statement-names.ts'
import { faultOf, isOfNobody } from './faults.ts'

const ATTEMPTS = 4
/** Postgres finds a deadlock after 1 s; whoever waits longer than this is better told to come again. */
const RETRY_WITHIN_MS = 2_000
/** The longest pause before the second attempt; it doubles with each. */
const FIRST_PAUSE_MS = 20

export type RetryOptions = {
  /** After a refusal to write: the connections that lead there are of no use any more. */
  onReadOnly: () => Promise<void>
  /** How many attempts came after a first one. */
  onRetry?: (() => void) | undefined
}

/**
 * Runs `work`, and again from its start where Postgres says that nothing of it has happened: it was chosen
 * to give way (40001, 40P01), or had come to a server that does not write (25006). A connection that breaks
 * says no such thing, for the commit may have arrived before: that is for whoever asked to find out.
 *
 * @throws {PersonGoneError} when somebody was erased to whom a row was to belong
 * @throws {UnavailableError} when Postgres does not answer (503, try again); a wrong statement stays what it is
 */
export async function withRetry<T>(work: () => Promise<T>, options: RetryOptions): Promise<T> {
  const startedAtMs = performance.now()
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work()
    } catch (error) {
      const fault = faultOf(error)
      if (fault === 'ours') throw isOfNobody(error) ? new PersonGoneError(error) : error
      if (fault === 'foreign statement') throw new StatementNamesError(error)
      if (fault === 'read only') await options.onReadOnly()
      const isOver = attempt >= ATTEMPTS || performance.now() - startedAtMs > RETRY_WITHIN_MS
      if (fault === 'unavailable' || isOver) {
        throw new UnavailableError('Postgres does not answer', error)
      }
      options.onRetry?.()
      // Those who met once shall not meet again.
      await delay(Math.random() * FIRST_PAUSE_MS * 2 ** (attempt - 1))
    }
  }
}
