import { execFile } from 'node:child_process'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'

export type Postmaster = {
  pid: number
  port: number
  /** `starting`, `ready` or `stopping`; empty at the very beginning */
  status: string
}

/** The server that runs on this data, from its postmaster.pid; null where none runs. */
export async function findPostmaster(clusterDir: string): Promise<Postmaster | null> {
  const file = join(clusterDir, 'postmaster.pid')
  const text = await readFile(file, 'utf8').catch(() => '')
  const lines = text.split('\n')
  const pid = Number(lines[0])
  if (!Number.isInteger(pid) || pid <= 0) return null
  if (await isPostmaster(pid)) {
    return { pid, port: Number(lines[3]), status: (lines[7] ?? '').trim() }
  }
  // Postgres removes the file of a dead server itself, once its last backend has let go of the
  // memory. Only a zombie, or a pid that another program has by now, looks alive to it.
  if (exists(pid) && (await readFile(file, 'utf8').catch(() => '')) === text) {
    await rm(file, { force: true })
  }
  return null
}

/**
 * Ends it as `pg_ctl stop -m fast` does, and waits. That program would wait for any server on this
 * data to end, also for one that somebody else starts the moment this one is gone.
 */
export async function stopPostmaster(clusterDir: string, pid: number): Promise<void> {
  process.kill(pid, 'SIGINT')
  while ((await findPostmaster(clusterDir))?.pid === pid) await sleep(5)
}

/** A zombie has no command line. */
async function isPostmaster(pid: number): Promise<boolean> {
  if (process.platform === 'linux') {
    const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
    return /\/postgres\0-D\0/.test(commandLine)
  }
  const ps = await promisify(execFile)('ps', ['-o', 'command=', '-p', String(pid)]).catch(
    () => null
  )
  return ps !== null && /\/postgres -D /.test(ps.stdout)
}

function exists(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
