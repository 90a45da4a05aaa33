/** The same work, never twice at once: whoever asks while it is under way is told what comes of it. */
export function share<T>(work: () => Promise<T>): () => Promise<T> {
  let underWay: Promise<T> | undefined
  return () =>
    (underWay ??= work().finally(() => {
      underWay = undefined
    }))
}

/** The same for work of many kinds: never twice at once for one key. */
export function shareByKey<T>(work: (key: string) => Promise<T>): (key: string) => Promise<T> {
  const underWay = new Map<string, Promise<T>>()
  return (key) => {
    const known = underWay.get(key)
    if (known !== undefined) return known
    const mine = work(key).finally(() => underWay.delete(key))
    underWay.set(key, mine)
    return mine
  }
}
