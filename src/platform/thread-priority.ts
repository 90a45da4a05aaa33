import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { setPriority } from 'node:os'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** On Linux, where threads have priorities of their own. */
const THREADS = '/proc/self/task'
/** As libuv calls its threads; all of them are there once anything was asked of one. */
const POOL = 'libuv-worker'
/** As `nice` counts. At 5 it hardly shows. */
const NICENESS = 15

/**
 * Lets the threads that compute password hashes step back behind the one that answers, and behind Postgres where it
 * runs on the same machine: whoever refreshes, or has a token checked, does not wait for those who log in. While
 * there is nothing else to do they are as fast as before. Elsewhere than on Linux, or where it is not allowed, all
 * stay as they are: what it is good for is speed alone.
 *
 * A nicer thread gets less of a core, and yet keeps it for some milliseconds while somebody else waits. Only those of
 * `SCHED_IDLE` leave it at once; `chrt` of util-linux sets that, for Node cannot.
 */
export async function lowerPoolPriority(): Promise<void> {
  try {
    const pool = readdirSync(THREADS).filter((id) => read(`${THREADS}/${id}/comm`) === POOL)
    for (const id of pool) setPriority(Number(id), NICENESS)
    if (!hasShareOfItsOwn()) return
    for (const id of pool) {
      const env = { PATH: process.env['PATH'] ?? '/usr/bin:/bin' }
      await run('chrt', ['--idle', '--pid', '0', id], { env })
    }
  } catch {
    // As the docstring says.
  }
}

/**
 * Whether Linux first shares the cores out among groups (sessions, services, containers), and this server is one of them:
 * then these threads step back behind its other ones alone, and keep its share against strangers. Otherwise
 * `SCHED_IDLE` threads stand still for as long as anybody keeps all cores, and nobody could log in.
 */
function hasShareOfItsOwn(): boolean {
  if (!leadsSession()) return false
  if (existsSync(`/sys/fs/cgroup${cgroup()}/cpu.weight`)) return true
  const autogroup = '/proc/sys/kernel/sched_autogroup_enabled'
  return existsSync(autogroup) && read(autogroup) === '1'
}

/** As services and containers do, themselves or by who started this process (the primary of several workers, or an init). */
function leadsSession(): boolean {
  const stat = read('/proc/self/stat')
  const session = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[3] // proc_pid_stat(5)
  return [process.pid, process.ppid].includes(Number(session))
}

/** Of cgroup v2, as it is seen from here: in a container mostly `/`. */
function cgroup(): string {
  const line = read('/proc/self/cgroup')
    .split('\n')
    .find((one) => one.startsWith('0::'))
  return line?.slice(3) ?? '/'
}

const read = (file: string) => readFileSync(file, 'utf8').trim()
