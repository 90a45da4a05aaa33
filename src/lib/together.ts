/**
 * Does for many at once what each of them asks for: whoever comes while it is under way waits for the next turn,
 * which does it for all who have come by then. Nobody waits for anybody who may still come.
 * @param work fails for all of a turn or for none
 */
export function together<Item>(
  work: (items: Item[]) => Promise<void>
): (item: Item) => Promise<void> {
  let waiting: { items: Item[]; done: Promise<void> } | undefined
  let underWay: Promise<unknown> = Promise.resolve()

  return function join(item) {
    if (waiting === undefined) {
      const items: Item[] = []
      const done = underWay.then(() => {
        waiting = undefined
        return work(items)
      })
      waiting = { items, done }
      underWay = done.catch(() => undefined)
    }
    waiting.items.push(item)
    return waiting.done
  }
}
