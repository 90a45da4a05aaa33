import cluster from 'node:cluster'
import { setTimeout as delay } from 'node:timers/promises'
import { StartError } from './platform/start-error.ts'
import { relayBetweenWorkers } from './platform/workers.ts'

/** A worker that dies at once, again and again, shall not take a core with its starts. */
const RESTART_DELAY_MS = 1_000

export type Supervision = {
  workers: number
  /** Beside the environment of this process. */
  env: Record<string, string>
  /** Once it is over: drain and end. */
  asked: Promise<void>
  onReady: () => void
  onDeath: (sentence: string) => void
}

/**
 * Runs `workers` processes on one port, and does nothing else: it starts them, replaces the one that dies,
 * and passes on the order to drain. What one server at a time may do, Postgres' locks decide among workers as
 * among replicas.
 * @throws {StartError} when one of the first does not come up; it has said why
 */
export async function superviseWorkers(supervision: Supervision): Promise<void> {
  const { workers, env, asked, onReady, onDeath } = supervision
  let isEnding = false
  relayBetweenWorkers()

  /** Once it listens; from then on it is replaced. @throws {StartError} when it ends before */
  async function startWorker(): Promise<void> {
    const worker = cluster.fork(env)
    await new Promise<void>((resolve, reject) => {
      let listens = false
      worker.once('listening', () => {
        listens = true
        resolve()
      })
      worker.once('exit', (code: number, signal: string | null) => {
        if (listens) void replace(worker.process.pid, signal ?? `code ${code}`)
        else reject(new StartError('A worker did not come up; it says why above.'))
      })
      // Without a process there is no exit. The other errors are messages to a worker that is on its way out.
      worker.on('error', ({ message }) => {
        if (worker.process.pid !== undefined) return
        reject(new StartError(`A worker could not be started (${message}).`))
      })
    })
  }

  async function replace(pid: number | undefined, reason: string): Promise<void> {
    if (isEnding) return
    onDeath(`Worker ${pid ?? '?'} has ended (${reason}). Another one takes its place.`)
    await startAnother()
  }

  async function startAnother(): Promise<void> {
    await delay(RESTART_DELAY_MS)
    if (isEnding) return
    await startWorker().catch(async (error: unknown) => {
      if (isEnding) return
      onDeath(`${(error as Error).message} Another attempt follows.`)
      await startAnother()
    })
  }

  async function end(): Promise<void> {
    isEnding = true
    const living = Object.values(cluster.workers ?? {}).filter(
      (worker) => worker?.process.pid !== undefined && !worker.isDead()
    )
    // No `once` of node:events: it would throw what a worker emits as error.
    const exits = living.map((worker) => new Promise((resolve) => worker?.once('exit', resolve)))
    for (const worker of living) worker?.process.kill('SIGTERM')
    await Promise.all(exits)
  }

  try {
    // One after the other at first: what an empty database or folder lacks is made by one.
    await startWorker()
    await Promise.all(Array.from({ length: workers - 1 }, startWorker))
  } catch (error) {
    await end()
    throw error
  }
  onReady()
  await asked
  await end()
}
