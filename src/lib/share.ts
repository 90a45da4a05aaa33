import { elapsedMs, moment, type Moment } from './elapsed.ts'

/** The same work, never twice at once: whoever asks while it is under way is told what comes of it. */
export function share<T>(work: () => Promise<T>): () => Promise<T> {
  let underWay: Promise<T> | undefined
  return () =>
    (underWay ??= work().finally(() => {
      underWay = undefined
    }))
}

/**
 * The same for work of many kinds: never twice at once for one key.
 * @param joinableMs whoever asks later than that after it was begun has it done anew: what comes of it may be that old
 */
export function shareByKey<T>(
  work: (key: string) => Promise<T>,
  joinableMs = Infinity
): (key: string) => Promise<T> {
  const underWay = new Map<string, { result: Promise<T>; begunAt: Moment }>()
  return (key) => {
    const known = underWay.get(key)
    if (known !== undefined && elapsedMs(known.begunAt) <= joinableMs) return known.result
    const begunAt = moment()
    const result = work(key).finally(() => {
      if (underWay.get(key) === mine) underWay.delete(key)
    })
    const mine = { result, begunAt }
    underWay.set(key, mine)
    return result
  }
}
