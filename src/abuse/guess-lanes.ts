import { UnavailableError } from '../errors.ts'
import { GateFullError } from '../lib/gate.ts'
import { hmacSha256 } from '../lib/secrets.ts'
import { createTurns } from '../lib/turns.ts'
import type { DataKeys } from '../platform/keys/data-keys.ts'
import { FREE_GUESSES, type GuessLaneStore } from './guess-lane-store.ts'

export type GuessLanes = ReturnType<typeof createGuessLanes>

/**
 * What is guessed at: an account by anybody, the same account from a browser that it knows, or a name
 * that has no account (counted alike, so that nothing tells the difference).
 */
export type GuessSubject = { account: string } | { device: string } | { unknown: string }

/** `failures` in a row, this one included. `blocked` guesses are answered like wrong ones. */
export type Guess = { kind: 'right' } | { kind: 'wrong'; failures: number } | { kind: 'blocked' }

export type GuessLanesDeps = { store: GuessLaneStore; dataKeys: DataKeys }

const WAITING_PER_LANE = 256

/** One count of wrong passwords per account, whichever door they are tried at. */
export function createGuessLanes({ store, dataKeys }: GuessLanesDeps) {
  // A reservation counts until it turns out right: without turns, parallel logins with the right
  // password would block each other.
  const inTurn = createTurns(WAITING_PER_LANE, () => ({ blockedAtMs: Number.NEGATIVE_INFINITY }))

  function keyOf(subject: GuessSubject): Buffer {
    const [[kind, name] = ['', '']] = Object.entries(subject)
    return hmacSha256(dataKeys.newest('blind_index'), `lane\0${kind}\0${name}`)
  }

  /**
   * @param judge compares; it is told whether the guess may count, and takes the same time either way
   */
  async function guess(
    subject: GuessSubject,
    judge: (mayCount: boolean) => Promise<boolean>
  ): Promise<Guess> {
    const key = keyOf(subject)
    const arrivedAtMs = performance.now()
    try {
      return await inTurn(key.toString('hex'), async (lane) => {
        // Whoever stood in line while the lane was blocked does not get a guess by having waited.
        const failures = lane.blockedAtMs > arrivedAtMs ? null : await store.reserve(key)
        const outcome = await judgeReserved(key, failures, judge)
        const isBlocking = outcome.kind === 'wrong' && outcome.failures >= FREE_GUESSES
        if (isBlocking || outcome.kind === 'blocked') lane.blockedAtMs = performance.now()
        return outcome
      })
    } catch (error) {
      if (error instanceof GateFullError) throw new UnavailableError('too many guesses wait', error)
      throw error
    }
  }

  async function judgeReserved(
    key: Buffer,
    failures: number | null,
    judge: (mayCount: boolean) => Promise<boolean>
  ): Promise<Guess> {
    const isRight = await judge(failures !== null).catch(async (error: unknown) => {
      if (failures !== null) await store.giveBack(key)
      throw error
    })
    if (failures === null) return { kind: 'blocked' }
    if (!isRight) return { kind: 'wrong', failures }
    await store.clear(key)
    return { kind: 'right' }
  }

  /** Forgets what was guessed wrong: the owner has come in by another way. */
  async function forgive(subject: GuessSubject): Promise<void> {
    await store.clear(keyOf(subject))
  }

  return { guess, forgive }
}
