let waiting: (() => void)[] = []

/**
 * Sends an answer at the end of this turn of the event loop, after all others that were made in it. Each one that
 * leaves by itself wakes whoever waits for it, and that takes longer than to write it: written one after the other,
 * they find their readers awake.
 */
export function leaveWithOthers(send: () => void): void {
  if (waiting.length === 0) setImmediate(sendAll)
  waiting.push(send)
}

function sendAll(): void {
  const all = waiting
  waiting = []
  for (const send of all) send()
}
