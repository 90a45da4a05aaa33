import t from 'tap'
import { share, shareByKey } from '../../src/lib/share.ts'

/** Work that ends when it is told to, and counts how often it was begun. */
function givenWork() {
  const waiting: ReturnType<typeof Promise.withResolvers>[] = []
  const begun: string[] = []
  const work = async (key = '') => {
    const number = begun.push(key)
    const mine = Promise.withResolvers()
    waiting.push(mine)
    await mine.promise
    return `${key}${number}`
  }
  return {
    work,
    begun,
    end: () => waiting.shift()?.resolve(null),
    fail: () => waiting.shift()?.reject(new Error('away'))
  }
}

void t.test('two who ask at once: one piece of work, one answer; the next asks anew', async (t) => {
  const { work, begun, end } = givenWork()
  const ask = share(() => work())
  const both = [ask(), ask()]
  end()
  t.strictSame(await Promise.all(both), ['1', '1'])
  const next = ask()
  end()
  t.equal(await next, '2')
  t.equal(begun.length, 2)
})

void t.test('by key: each key has work of its own, and nothing of it stays', async (t) => {
  const { work, begun, end } = givenWork()
  const ask = shareByKey(work)
  const all = [ask('a'), ask('b'), ask('a')]
  t.strictSame(begun, ['a', 'b'])
  end()
  end()
  t.strictSame(await Promise.all(all), ['a1', 'b2', 'a1'])
  const next = ask('a')
  end()
  t.equal(await next, 'a3')
})

void t.test('work that fails: all who wait are told, and the next asks anew', async (t) => {
  const { work, end, fail } = givenWork()
  const ask = shareByKey(work)
  const both = [ask('a'), ask('a')]
  fail()
  t.strictSame(
    (await Promise.allSettled(both)).map(({ status }) => status),
    ['rejected', 'rejected']
  )
  const next = ask('a')
  end()
  t.equal(await next, 'a2')
})

void t.test('work that was begun too long ago: not joined, and the newer one stays', async (t) => {
  const { work, begun, end } = givenWork()
  const ask = shareByKey(work, 60_000)
  const { now } = Date
  t.teardown(() => (Date.now = now))
  const first = ask('a')
  const joined = ask('a')
  Date.now = () => now() + 61_000
  const second = ask('a')
  t.strictSame(begun, ['a', 'a'])
  end()
  t.strictSame(await Promise.all([first, joined]), ['a1', 'a1'])
  const third = ask('a')
  end()
  t.strictSame(await Promise.all([second, third]), ['a2', 'a2'])
  t.equal(begun.length, 2)
})
