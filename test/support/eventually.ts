import { setTimeout as delay } from 'node:timers/promises'

/**
 * Asks again until there is an answer, and fails with the name of what did not come.
 * @param look gives undefined, null or false while it is not there yet
 */
export async function eventually<T>(
  what: string,
  look: () => Promise<T | undefined | null | false>,
  withinMs = 10_000
): Promise<T> {
  const deadline = Date.now() + withinMs
  for (;;) {
    const found = await look()
    if (found !== undefined && found !== null && found !== false) return found
    if (Date.now() > deadline) throw new Error(`${what}: not within ${withinMs} ms`)
    await delay(20)
  }
}
