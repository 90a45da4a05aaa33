import { UnavailableError } from '../errors.ts'
import { createGate, GateFullError } from '../lib/gate.ts'
import type { Metrics } from '../platform/metrics.ts'
import type { PoolUse } from '../platform/pool-use.ts'
import { addHashingMetrics } from './hashing-metrics.ts'

/** What whoever is on the way to a hash holds. */
export type HashingPlace = {
  /** Where the password is compared, or is not going to be; as often as one likes. */
  release: () => void
  takenAtMs: number
  /** @throws {UnavailableError} when the hash would come too late, so that nothing more is done for it */
  requireTime: () => void
}

export type HashingQueueOptions = {
  concurrency: number
  queueLength: number
  /** Whoever has been on the way and in line for so long is refused; without it they wait for their turn. */
  waitMs?: number
  metrics: Metrics
  /** Told of each hash while it is computed. */
  inPool?: PoolUse['whileHashing']
}

/** Of the last hashes that the pace is told from. */
const PACE_OF = 8
/** The door opens again once so much of the line is free: many come through before the next one closes it. */
const FREE_TO_OPEN = 0.25

const alone: PoolUse['whileHashing'] = (job) => job()

/** The line for password hashes: a few run at once, no more wait than will have their turn in time. */
export function createHashingQueue({ metrics, ...options }: HashingQueueOptions) {
  const { concurrency, queueLength, waitMs = Infinity, inPool = alone } = options
  const gate = createGate(options)
  const hashing = addHashingMetrics(metrics, gate.load)
  let onTheirWay = 0
  let isShut = false
  /** How long a hash takes just now; 0 before the first. */
  let paceMs = 0

  async function inTurn<T>(job: () => Promise<T>, spentMs = 0): Promise<T> {
    try {
      return await gate(() => timed(job), spentMs)
    } catch (error) {
      if (!(error instanceof GateFullError)) throw error
      throw shed(error)
    }
  }

  async function timed<T>(job: () => Promise<T>): Promise<T> {
    const startedAtMs = performance.now()
    try {
      return await inPool(() => hashing.time(job))
    } finally {
      const tookMs = performance.now() - startedAtMs
      paceMs = paceMs === 0 ? tookMs : paceMs + (tookMs - paceMs) / PACE_OF
    }
  }

  function shed(cause?: unknown): UnavailableError {
    hashing.countShed()
    return new UnavailableError('too many password hashes wait', cause)
  }

  /** How many may wait: on a slow or busy machine no more than will have their turn in time. */
  function length(): number {
    return paceMs === 0
      ? queueLength
      : Math.min(queueLength, Math.floor((waitMs * concurrency) / paceMs))
  }

  /** How many wait or are on their way to it; below zero while a hash could begin at once. */
  function ahead(): number {
    const { running, waiting } = gate.load()
    return running + waiting + onTheirWay - concurrency
  }

  /**
   * Whether somebody who has just come is turned away, and counted. Once the line was full, it has to empty
   * a little first.
   */
  function turnAway(): boolean {
    const free = length() - ahead()
    isShut = free <= 0 || (isShut && free < length() * FREE_TO_OPEN)
    if (isShut) hashing.countShed()
    return isShut
  }

  /**
   * Sheds a flood before anything is asked of Postgres, which has other work. Whoever is let in counts as if
   * they stood in line already: of hundreds at once, all would see the one place that is free, ask Postgres
   * for what they need, and be refused after that.
   * @throws {UnavailableError} when too many wait
   */
  function takePlace(): HashingPlace {
    if (ahead() >= length()) throw shed()
    onTheirWay += 1
    let isHeld = true
    const takenAtMs = performance.now()
    return {
      takenAtMs,
      release() {
        if (isHeld) onTheirWay -= 1
        isHeld = false
      },
      requireTime() {
        if (performance.now() - takenAtMs >= waitMs) throw shed()
      }
    }
  }

  return { inTurn, turnAway, takePlace }
}
