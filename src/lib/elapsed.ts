/** A moment of this process; only {@link elapsedMs} makes something of it. */
export type Moment = { monotonicMs: number; wallMs: number }

export const moment = (): Moment => ({ monotonicMs: performance.now(), wallMs: Date.now() })

/**
 * At least how long ago that was. The monotonic clock runs on while a process is stopped, but not while its
 * machine sleeps; the wall clock has counted that, and may have been set. Of both the longer: never too young.
 */
export function elapsedMs({ monotonicMs, wallMs }: Moment): number {
  return Math.max(performance.now() - monotonicMs, Date.now() - wallMs)
}
