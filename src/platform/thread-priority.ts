import { readdirSync, readFileSync } from 'node:fs'
import { setPriority } from 'node:os'

/** On Linux, where threads have priorities of their own. */
const THREADS = '/proc/self/task'
/** As libuv calls its threads; they are there once the first password hash was computed. */
const POOL = 'libuv-worker'
/** As `nice` counts. At 5 it hardly shows; at 19 signatures, which share the threads, would wait for any other program. */
const NICENESS = 15

/**
 * Lets the threads that compute password hashes step back behind the one that answers, and behind Postgres where it
 * runs on the same machine: whoever refreshes, or has a token checked, does not wait for those who log in. While
 * there is nothing else to do they are as fast as before. Elsewhere than on Linux, or where it is not allowed, all
 * stay as they are.
 */
export function lowerPoolPriority(): void {
  try {
    for (const id of readdirSync(THREADS)) {
      const name = readFileSync(`${THREADS}/${id}/comm`, 'utf8').trim()
      if (name === POOL) setPriority(Number(id), NICENESS)
    }
  } catch {
    // What it is good for is speed alone.
  }
}
