export type Loop = { stop: () => Promise<void> }

export type LoopOptions = {
  intervalMs: number
  work: () => Promise<void>
  /** Told about every failure; the loop goes on. */
  onFault: (error: unknown) => void
}

/** Does `work` again and again, never twice at once. Stopping waits for the round that is under way. */
export function startLoop({ intervalMs, work, onFault }: LoopOptions): Loop {
  let timer: NodeJS.Timeout
  let stopped = false
  let round: Promise<void> = Promise.resolve()

  const schedule = () => {
    timer = setTimeout(() => {
      round = work()
        .catch(onFault)
        .then(() => {
          if (!stopped) schedule()
        })
    }, intervalMs)
  }

  schedule()
  return {
    stop: async () => {
      stopped = true
      clearTimeout(timer)
      await round
    }
  }
}
