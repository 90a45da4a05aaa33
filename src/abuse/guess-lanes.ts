import { UnavailableError } from '../errors.ts'
import { GateFullError } from '../lib/gate.ts'
import { hmacSha256 } from '../lib/secrets.ts'
import { createTurns } from '../lib/turns.ts'
import type { DataKeys } from '../platform/keys/data-keys.ts'
import type { Metrics } from '../platform/metrics.ts'
import type { Connection } from '../platform/postgres.ts'
import type { GuessLaneStore, ReservedGuess } from './guess-lane-store.ts'
import { addGuessMetrics } from './guess-metrics.ts'
import type { Guess, GuessMilestone, GuessSubject } from './guess.ts'

export type GuessLanes = ReturnType<typeof createGuessLanes>

export type GuessLanesDeps = { store: GuessLaneStore; dataKeys: DataKeys; metrics: Metrics }

const WAITING_PER_LINE = 256

/**
 * One count of wrong passwords per account, whichever door they are tried at. Only a browser that was let
 * in before is counted apart, and as strictly: strangers cannot lock its owner out.
 */
export function createGuessLanes({ store, dataKeys, metrics }: GuessLanesDeps) {
  const countGuess = addGuessMetrics(metrics)
  // A reservation counts until it turns out right: without turns, parallel logins with the right
  // password would block each other.
  const inTurn = createTurns(WAITING_PER_LINE)

  function keyOf(subject: GuessSubject): Buffer {
    const [[kind, name] = ['', '']] = Object.entries(subject)
    return hmacSha256(dataKeys.newest('blind_index'), `lane\0${kind}\0${name}`)
  }

  /** @returns whether it was right; a blocked guess is answered like a wrong one */
  async function guess(guessed: Guess): Promise<boolean> {
    const { subject, line, notice, requireTime } = guessed
    const key = keyOf(subject)
    const arrivedAtMs = performance.now()
    try {
      return await inTurn(line, async () => {
        requireTime?.()
        const waitedSeconds = (performance.now() - arrivedAtMs) / 1_000
        const reserved = await store.reserve(key, waitedSeconds, notice)
        const isRight = await judgeReserved(key, reserved, guessed)
        countGuess(subject, reserved, isRight)
        return isRight
      })
    } catch (error) {
      if (error instanceof GateFullError) throw new UnavailableError('too many guesses wait', error)
      throw error
    }
  }

  async function judgeReserved(
    key: Buffer,
    reserved: ReservedGuess | null,
    { judge, begin }: Guess
  ): Promise<boolean> {
    const isRight = await judge(reserved !== null).catch(async (error: unknown) => {
      if (reserved !== null) await store.giveBack(key, reserved)
      throw error
    })
    if (reserved === null || !isRight) return false
    const isCleared = await begin?.(key).catch((error: unknown) => {
      // The guess was right all the same. Whoever is told of one fault does not wait for a second (SECURITY F3).
      store.clear([key]).catch(() => undefined)
      throw error
    })
    if (isCleared !== true) await store.clear([key])
    return true
  }

  /** Forgets what was guessed wrong: the owner has come in by another way, or somebody vouches for them. */
  async function forgive(...subjects: GuessSubject[]): Promise<void> {
    await store.clear(subjects.map(keyOf))
  }

  /** Whether the guesses that a notice is about still count, and nobody has been told of them. */
  async function isUntold(subject: GuessSubject, milestone: GuessMilestone): Promise<boolean> {
    return store.isUntold(keyOf(subject), milestone)
  }

  /** Once a run of wrong guesses; in the transaction that tells it. */
  async function takeTelling(
    tx: Connection,
    subject: GuessSubject,
    milestone: GuessMilestone
  ): Promise<boolean> {
    return store.takeTelling(tx, keyOf(subject), milestone)
  }

  return { guess, forgive, isUntold, takeTelling }
}
