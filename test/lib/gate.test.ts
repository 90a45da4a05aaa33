import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { createGate, GateFullError } from '../../src/lib/gate.ts'

const WAIT_MS = 50

/** A job that runs until it is told to end. */
function openJob() {
  const { promise, resolve: end } = Promise.withResolvers<string>()
  return { job: () => promise, end }
}

void t.test('whoever has waited for too long is refused, and leaves the line', async (t) => {
  const gate = createGate({ concurrency: 1, queueLength: 2, waitMs: WAIT_MS })
  const first = openJob()
  const running = gate(first.job)
  const waiting = gate(() => Promise.reject(new Error('it must not run')))
  t.strictSame(gate.load(), { running: 1, waiting: 1 })
  await t.rejects(waiting, GateFullError)
  t.strictSame(gate.load(), { running: 1, waiting: 0 }, 'its place is free')
  const next = gate(() => Promise.resolve('next'))
  first.end('done')
  t.equal(await running, 'done', 'what runs is not cut')
  t.equal(await next, 'next', 'and the next one in line has its turn')
  t.strictSame(gate.load(), { running: 0, waiting: 0 })
})

void t.test('a turn that came in time: not refused while it runs', async (t) => {
  const gate = createGate({ concurrency: 1, queueLength: 1, waitMs: WAIT_MS })
  const first = openJob()
  const running = gate(first.job)
  const slow = gate(() => delay(3 * WAIT_MS, 'slow'))
  first.end('done')
  t.equal(await running, 'done')
  t.equal(await slow, 'slow')
})

void t.test('whoever has waited elsewhere already: has only the rest of the wait', async (t) => {
  const gate = createGate({ concurrency: 1, queueLength: 3, waitMs: 60_000 })
  t.equal(await gate(() => Promise.resolve('free'), 90_000), 'free', 'a free place is no wait')
  const first = openJob()
  const running = gate(first.job)
  const never = () => Promise.reject(new Error('it must not run'))
  await t.rejects(gate(never, 60_000), GateFullError, 'nothing is left')
  await t.rejects(gate(never, 60_000 - WAIT_MS), GateFullError, 'a little is left')
  t.strictSame(gate.load(), { running: 1, waiting: 0 })
  first.end('done')
  t.equal(await running, 'done')
})

void t.test('no limit: whoever waits has their turn', async (t) => {
  const gate = createGate({ concurrency: 1, queueLength: 1 })
  const first = openJob()
  const running = gate(first.job)
  const second = gate(() => Promise.resolve('second'))
  await t.rejects(
    gate(() => Promise.resolve()),
    GateFullError
  )
  await delay(WAIT_MS)
  first.end('done')
  t.strictSame(await Promise.all([running, second]), ['done', 'second'])
})
