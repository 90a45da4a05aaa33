import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { findBinaries } from '../../../src/platform/embedded-postgres/binaries.ts'
import { findPostmaster } from '../../../src/platform/embedded-postgres/postmaster.ts'
import { runAsPostgres } from '../../../src/platform/embedded-postgres/privileges.ts'
import type { Teardown } from '../database.ts'
import { eventually } from '../eventually.ts'
import { freePort } from '../server.ts'

export type Node = Awaited<ReturnType<typeof openNode>>

/**
 * One Postgres on a cluster that is there, as a production one is set: `fsync` is on and a commit waits for the disk.
 * On a port that it keeps, not started yet; with handles for what goes wrong in the world.
 */
export async function openNode(t: Teardown, dir: string, password: string) {
  const { pg_ctl: program } = await findBinaries()
  const port = await freePort()
  const url = `postgresql://postgres:${password}@127.0.0.1:${port}/postgres`

  async function start(): Promise<void> {
    const settings = ['fsync=on', `port=${port}`, 'listen_addresses=127.0.0.1']
    const flags = [...settings, "unix_socket_directories=''"].map((one) => `-c ${one}`).join(' ')
    const args = ['-D', dir, '-w', '-l', join(dir, 'server.log'), '-o', flags, 'start']
    await runAsPostgres(dir, program, args)
  }

  /** The postmaster and every process of its own. */
  async function pids(): Promise<number[]> {
    const postmaster = await findPostmaster(dir)
    if (postmaster === null) return []
    return [postmaster.pid, ...(await childrenOf(postmaster.pid))]
  }

  /** Connections stay open, and nothing answers. */
  async function freeze(): Promise<void> {
    // A backend that was born between the look and the signal would go on.
    for (let look = 0; look < 2; look += 1) signalAll(await pids(), 'SIGSTOP')
  }

  async function thaw(): Promise<void> {
    signalAll(await pids(), 'SIGCONT')
  }

  /** All at once and without a word, as when the machine crashes or is switched off. */
  async function kill(): Promise<void> {
    signalAll(await pids(), 'SIGKILL')
    await eventually('the end of Postgres', async () => (await findPostmaster(dir)) === null)
  }

  /** One of its processes: Postgres ends every connection and recovers from its log by itself. */
  async function killOneBackend(): Promise<void> {
    const pid = await eventually('somebody who is connected', async () => {
      for (const pid of await pids()) {
        const title = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
        if (/^postgres: postgres .*\(/.test(title)) return pid
      }
      return null
    })
    signalAll([pid], 'SIGKILL')
  }

  /** Makes a primary of a standby. It writes when this resolves. */
  async function promote(): Promise<void> {
    await runAsPostgres(dir, program, ['-D', dir, '-w', 'promote'])
  }

  t.teardown(kill)
  return { dir, password, port, url, start, freeze, thaw, kill, killOneBackend, promote }
}

async function childrenOf(parent: number): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number)
  const isChild = await Promise.all(
    pids.map(async (pid) => {
      const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
      return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === parent
    })
  )
  return pids.filter((_, index) => isChild[index] === true)
}

function signalAll(pids: number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
}
