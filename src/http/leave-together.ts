type Leaving = { send: () => void; onFault: (error: unknown) => void }

let waiting: Leaving[] = []

/**
 * Sends an answer at the end of this turn of the event loop, after all others that were made in it. Each one that
 * leaves by itself wakes whoever waits for it, and that takes longer than to write it: written one after the other,
 * they find their readers awake.
 * @param onFault told what `send` throws: it is nobody else's
 */
export function leaveWithOthers(send: () => void, onFault: (error: unknown) => void): void {
  if (waiting.length === 0) setImmediate(sendAll)
  waiting.push({ send, onFault })
}

function sendAll(): void {
  const all = waiting
  waiting = []
  for (const { send, onFault } of all) {
    try {
      send()
    } catch (error) {
      onFault(error)
    }
  }
}
