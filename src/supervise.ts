import cluster, { type Worker } from 'node:cluster'
import { once } from 'node:events'
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
 * @throws {StartError} when the first does not come up; it has said why
 */
export async function superviseWorkers(supervision: Supervision): Promise<void> {
  const { workers, env, asked, onReady, onDeath } = supervision
  let isEnding = false
  relayBetweenWorkers()
  const fork = () => cluster.fork(env)
  const living = () => Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined)

  async function replace(pid: number | undefined, reason: string): Promise<void> {
    onDeath(`Worker ${pid ?? '?'} has ended (${reason}). Another one takes its place.`)
    await delay(RESTART_DELAY_MS)
    if (!isEnding) fork()
  }

  async function end(): Promise<void> {
    isEnding = true
    const exits = living().map((worker) => once(worker, 'exit'))
    for (const worker of living()) worker.process.kill('SIGTERM')
    await Promise.all(exits)
  }

  // One after the other at first: what an empty database or folder lacks is made by one.
  await untilListening(fork())
  const rest = Array.from({ length: workers - 1 }, fork)
  try {
    await Promise.all(rest.map(untilListening))
  } catch (error) {
    await end()
    throw error
  }
  cluster.on('exit', (worker, code, signal) => {
    if (!isEnding)
      void replace(worker.process.pid, signal === '' || !signal ? `code ${code}` : signal)
  })
  onReady()
  await asked
  await end()
}

async function untilListening(worker: Worker): Promise<void> {
  const ended = once(worker, 'exit').then(() => {
    throw new StartError('A worker did not come up; it says why above.')
  })
  await Promise.race([once(worker, 'listening'), ended])
  ended.catch(() => undefined) // from here on it is replaced
}
