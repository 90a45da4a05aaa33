import t from 'tap'
import { together } from '../../src/lib/together.ts'

/** Work that ends when the test says so. */
function heldWork() {
  const turns: { items: string[]; end: PromiseWithResolvers<undefined> }[] = []
  const join = together((items: string[]) => {
    const end = Promise.withResolvers<undefined>()
    turns.push({ items, end })
    return end.promise
  })
  return { turns, join }
}

const afterMicrotasks = () => new Promise(setImmediate)

void t.test('those who come while it is under way: done in one turn, after it', async (t) => {
  const { turns, join } = heldWork()
  const first = join('a')
  await afterMicrotasks()
  const others = [join('b'), join('c')]
  await afterMicrotasks()
  t.strictSame(
    turns.map(({ items }) => items),
    [['a']]
  )
  turns[0]?.end.resolve(undefined)
  await first
  await afterMicrotasks()
  t.strictSame(turns[1]?.items, ['b', 'c'])
  turns[1]?.end.resolve(undefined)
  await Promise.all(others)
})

void t.test('a turn that fails: each of its own is told, and the next one runs', async (t) => {
  const { turns, join } = heldWork()
  const first = join('a')
  await afterMicrotasks()
  const second = join('b')
  turns[0]?.end.reject(new Error('no'))
  await t.rejects(first, { message: 'no' })
  await afterMicrotasks()
  turns[1]?.end.resolve(undefined)
  await second
  t.strictSame(turns[1]?.items, ['b'])
})
