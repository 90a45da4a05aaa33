import t from 'tap'
import { createHashingQueue } from '../../src/accounts/hashing-queue.ts'
import { createMetrics } from '../../src/platform/metrics.ts'

const metrics = () => createMetrics({ ofProcess: false })

/** Stands in line until it is let go. */
function job(queue: ReturnType<typeof createHashingQueue>) {
  const { promise, resolve } = Promise.withResolvers<undefined>()
  const done = queue.inTurn(() => promise)
  return () => {
    resolve(undefined)
    return done
  }
}

void t.test('a full line, a place gets free: the door opens once a quarter of it is', async (t) => {
  const queue = createHashingQueue({ concurrency: 1, queueLength: 8, metrics: metrics() })
  const running = job(queue)
  const places = Array.from({ length: 7 }, () => queue.takePlace())
  t.notOk(queue.turnAway(), 'one is left')
  places.push(queue.takePlace())
  t.ok(queue.turnAway())
  t.throws(() => queue.takePlace(), { code: 'service_unavailable' })
  places.pop()?.release()
  t.ok(queue.turnAway(), 'whoever comes now')
  queue.takePlace().release()
  places.pop()?.release()
  t.notOk(queue.turnAway(), 'a quarter is free')
  places.forEach(({ release }) => {
    release()
  })
  await running()
})

void t.test('hashes that take long: no more wait than will have their turn in time', async (t) => {
  const queue = createHashingQueue({
    concurrency: 1,
    queueLength: 1_000,
    waitMs: 2_000,
    metrics: metrics()
  })
  const slow = job(queue)
  await new Promise((resolve) => setTimeout(resolve, 100))
  await slow()
  const running = job(queue)
  let taken = 0
  try {
    for (; taken < 1_000; taken += 1) queue.takePlace()
  } catch {
    // as many as may wait
  }
  t.ok(taken > 0 && taken <= 20, `${taken} of 100 ms and more within 2 s`)
  t.ok(queue.turnAway())
  await running()
})

void t.test('hashes that take longer than anybody may wait: begin where none runs', async (t) => {
  const queue = createHashingQueue({
    concurrency: 1,
    queueLength: 10,
    waitMs: 10,
    metrics: metrics()
  })
  const slow = job(queue)
  await new Promise((resolve) => setTimeout(resolve, 50))
  t.notOk(queue.turnAway(), 'nothing is known of the pace yet')
  await slow()
  t.notOk(queue.turnAway())
  const running = job(queue)
  t.ok(queue.turnAway())
  await running()
  t.notOk(queue.turnAway())
})

void t.test('whoever took too long to the line: is told so before more is done', async (t) => {
  const queue = createHashingQueue({
    concurrency: 1,
    queueLength: 1,
    waitMs: 10,
    metrics: metrics()
  })
  const place = queue.takePlace()
  await new Promise((resolve) => setTimeout(resolve, 25))
  t.throws(
    () => {
      place.requireTime()
    },
    { code: 'service_unavailable' }
  )
})
