import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { openCluster, type Cluster } from './embedded-postgres/cluster.ts'
import { findPostmaster, stopPostmaster } from './embedded-postgres/postmaster.ts'
import { StartError } from './start-error.ts'
import { isLastOne, joinCluster, type Presence } from './embedded-postgres/presence.ts'

export type EmbeddedPostgresOptions = {
  dataDir: string
  log?: (line: string) => void
  /** for the server, if this call is the one that starts it */
  settings?: Record<string, string>
}

export type EmbeddedPostgres = {
  url: string
  /** Call it after your own pool has ended. Stops the server unless somebody else still uses it. */
  release(): Promise<void>
}

/** Crash recovery after a power cut may take a while. */
const PATIENCE_MS = 60_000
const MAX_FAILED_STARTS = 5
const WRONG_PASSWORD = '28P01'

/**
 * A real Postgres from a package, with its data under `dataDir/postgres`. It is a process of its
 * own that any number of ours share: whoever comes first starts it, whoever leaves last stops it,
 * and after a crash of either side the next one carries on with the same data.
 */
export async function startEmbeddedPostgres(
  options: EmbeddedPostgresOptions
): Promise<EmbeddedPostgres> {
  const log = options.log ?? (() => {})
  const cluster = await openCluster(options.dataDir, log)
  const { port, presence } = await startOrAdopt(cluster, options.settings ?? {}, log)
  let released = false
  return {
    url: `postgresql://postgres:${cluster.password}@127.0.0.1:${port}/latchkey`,
    release: async () => {
      if (released) return
      released = true
      await leave(cluster, presence)
    }
  }
}

/** Whether one was ever started with this folder. */
export async function hasEmbeddedPostgres(dataDir: string): Promise<boolean> {
  const version = join(dataDir, 'postgres', 'PG_VERSION')
  return readFile(version).then(
    () => true,
    () => false
  )
}

async function startOrAdopt(
  cluster: Cluster,
  settings: Record<string, string>,
  log: (line: string) => void
): Promise<{ port: number; presence: Presence }> {
  const deadline = performance.now() + PATIENCE_MS
  let failedStarts = 0
  let lastError: unknown
  while (performance.now() < deadline) {
    const running = await findPostmaster(cluster.dir)
    if (running === null) {
      try {
        await cluster.start(settings)
        log(`embedded Postgres started in ${cluster.dir}`)
      } catch (error) {
        // Somebody else was faster, or took the port: look again.
        lastError = error
        if (++failedStarts >= MAX_FAILED_STARTS) break
        await sleep(50 * failedStarts)
      }
    } else if (running.status === 'ready') {
      try {
        return { port: running.port, presence: await joinCluster(running.port, cluster.password) }
      } catch (error) {
        lastError = error // it may have begun to stop in between
        if ((error as { code?: string }).code === WRONG_PASSWORD) break
        await sleep(50)
      }
    } else {
      await sleep(20)
    }
  }
  const end = await lastLines(join(cluster.dir, 'server.log'))
  throw new StartError(`The embedded Postgres in ${cluster.dir} cannot be used.${end}`, {
    cause: lastError
  })
}

async function leave(cluster: Cluster, presence: Presence): Promise<void> {
  try {
    if (!(await isLastOne(presence))) return
    const running = await findPostmaster(cluster.dir)
    if (running !== null) await stopPostmaster(cluster.dir, running.pid)
  } catch {
    // Somebody else stopped it first: that is what was wanted.
  } finally {
    await presence.end().catch(() => {})
  }
}

async function lastLines(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch(() => '')
  return text === ''
    ? ''
    : ` Its log ends with:\n${text.trimEnd().split('\n').slice(-5).join('\n')}`
}
