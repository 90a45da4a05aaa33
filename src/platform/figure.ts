import { share } from '../lib/share.ts'
import { within } from './within.ts'

/** How long a figure is told again before it is looked up anew: several Prometheus may ask at once. */
const KEEP_MS = 2_000
/** `/metrics` answers within a second, whatever hangs: a figure that takes longer is left out. */
const WAIT_MS = 500

export type FigureOptions = { keepMs?: number; waitMs?: number }

/**
 * A figure that costs a look-up elsewhere: looked up when somebody asks, never twice at once, and kept
 * for some seconds. A look-up that outlasts the wait goes on, and the next one who asks gets its result.
 * @returns throws when it cannot be told in time
 */
export function createFigure<T>(
  lookUp: () => Promise<T>,
  { keepMs = KEEP_MS, waitMs = WAIT_MS }: FigureOptions = {}
): () => Promise<T> {
  let known: { value: T; untilMs: number } | undefined
  const refresh = share(async () => {
    const value = await lookUp()
    known = { value, untilMs: performance.now() + keepMs }
    return value
  })

  return async function figure(): Promise<T> {
    if (known !== undefined && performance.now() < known.untilMs) return known.value
    return within(refresh(), waitMs, () => new Error(`not within ${waitMs} ms`))
  }
}
