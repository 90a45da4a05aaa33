import t from 'tap'
import { gather, gatherByKey } from '../../src/lib/gather.ts'

/** Jobs that end when the test says so; each result is its item in capitals. */
function heldJobs({ atOnce = 1, most = 10, patienceMs = 60_000 } = {}) {
  const jobs: { items: string[]; end: (error?: Error) => void }[] = []
  const work = (items: string[]) =>
    new Promise<string[]>((resolve, reject) => {
      const end = (error?: Error) => {
        if (error === undefined) resolve(items.map((item) => item.toUpperCase()))
        else reject(error)
      }
      jobs.push({ items, end })
    })
  return { jobs, options: { atOnce, most, patienceMs, work } }
}

const itemsOf = (jobs: { items: string[] }[]) => jobs.map(({ items }) => items)

void t.test('items while few are under way: each goes off by itself, at once', async (t) => {
  const { jobs, options } = heldJobs({ atOnce: 2 })
  const { join, isIdle } = gather(options)
  const both = [join('a'), join('b')]
  t.strictSame(itemsOf(jobs), [['a'], ['b']])
  for (const { end } of jobs) end()
  t.strictSame(await Promise.all(both), ['A', 'B'])
  t.ok(isIdle())
})

void t.test('items meanwhile: together with the next, at most so many, each its own', async (t) => {
  const { jobs, options } = heldJobs({ most: 2 })
  const { join } = gather(options)
  const all = ['a', 'b', 'c', 'd'].map(join)
  t.strictSame(itemsOf(jobs), [['a']])
  for (let n = 0; n < 3; n += 1) {
    jobs[n]!.end()
    await all[n]
  }
  t.strictSame(itemsOf(jobs), [['a'], ['b', 'c'], ['d']])
  t.strictSame(await Promise.all(all), ['A', 'B', 'C', 'D'])
})

void t.test('a job that fails: each of its own is told, and the next one runs', async (t) => {
  const { jobs, options } = heldJobs()
  const { join } = gather(options)
  const first = join('a')
  const others = [join('b'), join('c')]
  jobs[0]!.end(new Error('no'))
  await t.rejects(first, { message: 'no' })
  jobs[1]!.end(new Error('nor this'))
  for (const other of others) await t.rejects(other, { message: 'nor this' })
  const later = join('d')
  jobs[2]!.end()
  t.equal(await later, 'D')
})

void t.test('a job that does not end: nobody waits for it beyond their patience', async (t) => {
  const { jobs, options } = heldJobs({ most: 2, patienceMs: 1 })
  const { join } = gather(options)
  void join('a')
  const others = Promise.all(['b', 'c', 'd'].map(join))
  while (jobs.length < 3) await new Promise((resolve) => setTimeout(resolve, 1))
  t.strictSame(itemsOf(jobs), [['a'], ['b', 'c'], ['d']])
  for (const { end } of jobs.slice(1)) end()
  t.strictSame(await others, ['B', 'C', 'D'])
})

void t.test('items of several keys: none waits for, or goes with, those of another', async (t) => {
  const { jobs, options } = heldJobs()
  const join = gatherByKey(options)
  const all = [join('x', 'a'), join('y', 'b'), join('x', 'c'), join('y', 'd')]
  t.strictSame(itemsOf(jobs), [['a'], ['b']])
  for (const { end } of jobs) end()
  await Promise.all(all.slice(0, 2))
  t.strictSame(itemsOf(jobs), [['a'], ['b'], ['c'], ['d']])
  for (const { end } of jobs) end()
  t.strictSame(await Promise.all(all), ['A', 'B', 'C', 'D'])
})

void t.test(
  'a job that throws at once, or has too few results: told, and the next runs',
  async (t) => {
    let isBad = true
    const { join, isIdle } = gather<string, string>({
      atOnce: 1,
      most: 10,
      patienceMs: 60_000,
      work: (items) => {
        if (isBad) throw new Error('at once')
        return Promise.resolve(items.slice(1))
      }
    })
    await t.rejects(join('a'), { message: 'at once' })
    t.ok(isIdle())
    isBad = false
    await t.rejects(join('b'), { message: 'A job has a result for each item.' })
    t.ok(isIdle())
  }
)

void t.test(
  'a line that begins while an older one of its key is told of its end: it stays',
  async (t) => {
    for (let steps = 0; steps < 16; steps += 1) {
      const { jobs, options } = heldJobs()
      const join = gatherByKey({ ...options, patienceMs: 0 })
      const both = [join('x', 'a'), join('x', 'b')]
      while (jobs.length < 2) await new Promise((resolve) => setTimeout(resolve, 1))
      jobs[0]!.end()
      const between = (async () => {
        for (let step = 0; step < steps; step += 1) await Promise.resolve()
        return join('x', 'c')
      })()
      jobs[1]!.end()
      await Promise.all(both)
      while (jobs.length < 3) await Promise.resolve()
      void join('x', 'd')
      t.strictSame(itemsOf(jobs).slice(2), [['c']], `after ${steps} steps: d waits for c`)
      jobs[2]!.end()
      await between
      jobs[3]!.end()
    }
  }
)
