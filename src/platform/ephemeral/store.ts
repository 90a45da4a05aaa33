/**
 * Short-lived state that replicas share: counters, marks and messages. Whatever lies here may be
 * forgotten at any moment (flush, eviction, failover), so nothing that must last or may happen once
 * rests on it alone.
 *
 * Keys are short and hold nothing personal: callers hash addresses, names and whatever else came
 * with a request. Counters and marks live in spaces of their own, so the same key serves both.
 *
 * Every verb throws {@link EphemeralUnavailable} when the store does not answer within about 250 ms.
 * Whether the act happened is unknown then: a counter may have moved, a mark may stand.
 */
export type EphemeralStore = {
  readonly kind: 'memory' | 'redis'

  /**
   * Adds one to `key`; the first count opens a window of `windowMs`, which later counts do not move.
   * @returns the count in this window, and how long it still runs (at least 1)
   */
  count(key: string, windowMs: number): Promise<{ count: number; resetsInMs: number }>

  /** The count of `key` in its window, without adding to it; 0 outside of one. */
  counted(key: string): Promise<number>

  /** True for exactly one caller until `ttlMs` have passed. */
  setIfAbsent(key: string, ttlMs: number): Promise<boolean>

  /** Tells everybody who listens now, on every replica, this one included. */
  announce(channel: string, message: string): Promise<void>

  /**
   * Messages may be lost while Redis is away: a hint, never the truth. While Redis is away the call
   * still succeeds, and the subscription becomes active on its return.
   * @returns the function that stops listening; it may be called again
   */
  listen(channel: string, onMessage: (message: string) => void): Promise<() => Promise<void>>

  /** Whether it answers now, within 250 ms; never throws. */
  isReachable(): Promise<boolean>

  /** Afterwards nothing is delivered, every verb throws, and nothing keeps the process alive. */
  close(): Promise<void>
}

/** Told about faults for the log, where throwing would reach nobody. Gets no URL and no secret. */
export type OnFault = (error: Error) => void

/** The store cannot answer. Never a reason to refuse a credential: go on without it, or answer 503. */
export class EphemeralUnavailable extends Error {
  override readonly name = 'EphemeralUnavailable'
  constructor(verb: string, cause: unknown) {
    super(`the ephemeral store did not answer: ${verb}`, { cause })
  }
}

/** A caller's mistake, so that it cannot pass for an outage: Redis refuses 0 and fractions. */
export function checkDuration(durationMs: number): void {
  if (!Number.isSafeInteger(durationMs) || durationMs < 1) {
    throw new RangeError(`a duration must be a whole number of milliseconds, not ${durationMs}`)
  }
}
