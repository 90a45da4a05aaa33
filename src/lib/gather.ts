export type GatherOptions<Item, Result> = {
  /** Who finds so many items under way, or more, waits until there are less. */
  atOnce: number
  /** The most items of one job. */
  most: number
  /** Whoever has waited for so long waits no longer, whatever is under way. */
  patienceMs: number
  /** @returns a result for each item, in their order */
  work: (items: Item[]) => Promise<Result[]>
}

type Waiting<Item, Result> = {
  item: Item
  resolve: (result: Result) => void
  reject: (error: unknown) => void
}

/**
 * Does for many at once what each of them asks for. Nobody waits for anybody who may still come: an item goes off
 * by itself while few are under way; while many are, those that come gather, and go together.
 */
export function gather<Item, Result>(options: GatherOptions<Item, Result>) {
  const { atOnce, most, patienceMs } = options
  let waiting: Waiting<Item, Result>[] = []
  let underWay = 0
  let patience: NodeJS.Timeout | undefined

  function join(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject })
      if (underWay < atOnce) startNext()
      else if (waiting.length === 1) patience = setTimeout(startAll, patienceMs)
    })
  }

  /** What it throws at once is told like what it fails with later. */
  async function work(items: Item[]): Promise<Result[]> {
    const results = await options.work(items)
    if (results.length !== items.length) throw new Error('A job has a result for each item.')
    return results
  }

  /** One job, of those who have waited longest. */
  function startNext(): void {
    const those = waiting.slice(0, most)
    waiting = waiting.slice(most)
    if (waiting.length === 0) clearTimeout(patience)
    underWay += those.length
    work(those.map(({ item }) => item)).then(
      (results) => {
        leave(those.length)
        for (const [n, { resolve }] of those.entries()) resolve(results[n] as Result)
      },
      (error: unknown) => {
        leave(those.length)
        for (const { reject } of those) reject(error)
      }
    )
  }

  function leave(count: number): void {
    underWay -= count
    if (waiting.length > 0 && underWay < atOnce) startNext()
  }

  function startAll(): void {
    while (waiting.length > 0) startNext()
  }

  return { join, isIdle: () => underWay === 0 && waiting.length === 0 }
}

/** The same for items of many kinds: only those of one key go together. */
export function gatherByKey<Item, Result>(options: GatherOptions<Item, Result>) {
  const lines = new Map<string, ReturnType<typeof gather<Item, Result>>>()

  return async function join(key: string, item: Item): Promise<Result> {
    let line = lines.get(key)
    if (line === undefined) lines.set(key, (line = gather(options)))
    try {
      return await line.join(item)
    } finally {
      // Of two who are told that it is over, the second may find another one begun since.
      if (line.isIdle() && lines.get(key) === line) lines.delete(key)
    }
  }
}
