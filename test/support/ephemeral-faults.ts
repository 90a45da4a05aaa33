import { setTimeout as delay } from 'node:timers/promises'
import type { Test } from 'tap'
import { EphemeralUnavailable, type EphemeralStore } from '../../src/platform/ephemeral/store.ts'

const MINUTE = 60_000
const PROMISE_MS = 250
/** Behind a timer of 250 ms that started with it: so a busy machine is not taken for a slow store. */
export const LATE_AT_MOST_MS = 250
/** SECURITY F1 promises 5 s; a machine that is busy with other tests gets twice as long. */
const RETURNS_WITHIN_MS = 10_000

const VERBS: Record<string, (store: EphemeralStore) => Promise<unknown>> = {
  count: (store) => store.count('key', MINUTE),
  setIfAbsent: (store) => store.setIfAbsent('key', MINUTE),
  announce: (store) => store.announce('news', 'lost')
}

/** How long it took, and how much later it came than the promise: the answer, or a timer's. */
export async function timed<T>(act: () => Promise<T>) {
  const startedAtMs = performance.now()
  let promisedAtMs = Number.POSITIVE_INFINITY
  const promised = setTimeout(() => (promisedAtMs = performance.now()), PROMISE_MS)
  const result = await act()
  clearTimeout(promised)
  const endedAtMs = performance.now()
  const lateMs = Math.max(0, Math.round(endedAtMs - promisedAtMs))
  return { result, tookMs: Math.round(endedAtMs - startedAtMs), lateMs }
}

export async function until(
  isSo: () => Promise<boolean>,
  withinMs = RETURNS_WITHIN_MS
): Promise<void> {
  const deadlineMs = performance.now() + withinMs
  while (!(await isSo())) {
    if (performance.now() > deadlineMs) throw new Error('still not so')
    await delay(10)
  }
}

/** Each verb throws, `isReachable` says no, and `listen` waits for better days, all of it soon. */
export async function failsSoon(t: Test, store: EphemeralStore): Promise<void> {
  for (const [name, act] of Object.entries(VERBS)) {
    const { result, tookMs, lateMs } = await timed(() =>
      act(store).catch((error: unknown) => error)
    )
    t.type(result, EphemeralUnavailable, `${name} failed after ${tookMs} ms`)
    t.type((result as Error).cause, Error)
    t.ok(lateMs < LATE_AT_MOST_MS, `${name} was ${lateMs} ms late`)
  }
  const reached = await timed(() => store.isReachable())
  t.equal(reached.result, false)
  t.ok(reached.lateMs < LATE_AT_MOST_MS, `isReachable was ${reached.lateMs} ms late`)
  const listening = await timed(() => store.listen('news', () => undefined))
  t.ok(listening.lateMs < LATE_AT_MOST_MS, `listen was ${listening.lateMs} ms late`)
}

/** Both connections work again: what is announced is heard. */
export async function returnsSoon(t: Test, store: EphemeralStore, heard: string[]): Promise<void> {
  const message = `back ${performance.now()}`
  const commands = await timed(() => until(() => store.isReachable()))
  t.pass(`commands back after ${commands.tookMs} ms`)
  const news = await timed(() =>
    until(async () => {
      await store.announce('news', message).catch(() => undefined)
      return heard.includes(message)
    })
  )
  t.ok(commands.tookMs + news.tookMs < RETURNS_WITHIN_MS, `news after ${news.tookMs} ms more`)
}
