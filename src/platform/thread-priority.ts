import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { availableParallelism, setPriority } from 'node:os'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** On Linux, where threads have priorities of their own. */
const THREADS = '/proc/self/task'
/** As libuv calls its threads; all of them are there once anything was asked of one. */
const POOL = 'libuv-worker'
/** As `nice` counts. At 5 it hardly shows; at 19 signatures, which share the threads, would wait for any other program. */
const NICENESS = 15

/**
 * Lets the threads that compute password hashes step back behind the one that answers, and behind Postgres where it
 * runs on the same machine: whoever refreshes, or has a token checked, does not wait for those who log in. While
 * there is nothing else to do they are as fast as before. Elsewhere than on Linux, or where it is not allowed, all
 * stay as they are: what it is good for is speed alone.
 */
export function lowerPoolPriority(): void {
  try {
    for (const id of poolThreads()) setPriority(Number(id), NICENESS)
  } catch {
    // As the docstring says.
  }
}

/**
 * The same with `SCHED_IDLE`: a nicer thread gets less of a core and yet keeps it for some milliseconds while somebody
 * else waits; these leave it at once. Node cannot ask for that, `chrt` of util-linux can. Where others of the same group
 * (session, service, container: Linux shares the cores out among those) keep all cores, such threads stand
 * still. So this is for a server that has a group to itself; and `workers` that could keep all cores stay as they are.
 * It cannot be undone.
 * @throws where it is not allowed, there is no `chrt`, or this is not Linux
 */
export async function idlePool({ workers }: { workers: number }): Promise<void> {
  if (availableParallelism() <= workers) return
  const env = { PATH: process.env['PATH'] ?? '/usr/bin:/bin' }
  for (const id of poolThreads()) await run('chrt', ['-i', '-p', '0', id], { env })
}

function poolThreads(): string[] {
  return readdirSync(THREADS).filter(
    (id) => readFileSync(`${THREADS}/${id}/comm`, 'utf8').trim() === POOL
  )
}
