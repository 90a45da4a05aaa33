/** The queue is full: whoever asked should be told to come back, not be kept waiting. */
export class GateFullError extends Error {
  override readonly name = 'GateFullError'
}

export type GateOptions = { concurrency: number; queueLength: number }

export type Gate = ReturnType<typeof createGate>

/** Lets `concurrency` jobs run at once and `queueLength` wait in turn; the next one is refused. */
export function createGate({ concurrency, queueLength }: GateOptions) {
  const waiting: (() => void)[] = []
  let running = 0

  async function enter(): Promise<void> {
    if (running < concurrency) {
      running += 1
      return
    }
    if (waiting.length >= queueLength) throw new GateFullError('The queue is full.')
    await new Promise<void>((resolve) => waiting.push(resolve))
  }

  /** Hands the place to the next in turn, or frees it. */
  function leave(): void {
    const next = waiting.shift()
    if (next === undefined) running -= 1
    else next()
  }

  async function run<T>(job: () => Promise<T>): Promise<T> {
    await enter()
    try {
      return await job()
    } finally {
      leave()
    }
  }

  return Object.assign(run, {
    load: () => ({ running, waiting: waiting.length }),
    /** Whether a job that came now would be refused. */
    isFull: () => running >= concurrency && waiting.length >= queueLength
  })
}
