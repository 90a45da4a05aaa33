/** The queue is full, or the wait was too long: whoever asked should be told to come back, not be kept waiting. */
export class GateFullError extends Error {
  override readonly name = 'GateFullError'
}

export type GateOptions = {
  concurrency: number
  queueLength: number
  /** Whoever has waited for so long is refused; without it they wait for their turn. */
  waitMs?: number
}

export type Gate = ReturnType<typeof createGate>

type Waiting = { enter: () => void; timer: NodeJS.Timeout | undefined }

/** Lets `concurrency` jobs run at once and `queueLength` wait in turn; the next one is refused. */
export function createGate({ concurrency, queueLength, waitMs }: GateOptions) {
  const waiting: Waiting[] = []
  let running = 0

  async function enter(spentMs: number): Promise<void> {
    if (running < concurrency) {
      running += 1
      return
    }
    if (waiting.length >= queueLength) throw new GateFullError('The queue is full.')
    if (waitMs !== undefined && spentMs >= waitMs) throw new GateFullError('The wait was too long.')
    await new Promise<void>((enter, refuse) => {
      const place: Waiting = { enter, timer: undefined }
      if (waitMs !== undefined) {
        place.timer = setTimeout(giveUp, waitMs - spentMs, place, refuse)
      }
      waiting.push(place)
    })
  }

  function giveUp(place: Waiting, refuse: (error: Error) => void): void {
    waiting.splice(waiting.indexOf(place), 1)
    refuse(new GateFullError('The wait was too long.'))
  }

  /** Hands the place to the next in turn, or frees it. */
  function leave(): void {
    const next = waiting.shift()
    if (next === undefined) {
      running -= 1
      return
    }
    clearTimeout(next.timer)
    next.enter()
  }

  /** @param spentMs of the wait, before it came here */
  async function run<T>(job: () => Promise<T>, spentMs = 0): Promise<T> {
    await enter(spentMs)
    try {
      return await job()
    } finally {
      leave()
    }
  }

  return Object.assign(run, { load: () => ({ running, waiting: waiting.length }) })
}
