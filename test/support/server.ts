import { spawn, type ChildProcess } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import type { Teardown } from './database.ts'
import { eventually } from './eventually.ts'
import { HIGH_LIMITS } from './high-limits.ts'

/** Hardly a second; the rest is for a loaded machine. */
const READY_WITHIN_MS = 60_000
const ROOT = join(import.meta.dirname, '..', '..')

export type TestServer = Awaited<ReturnType<typeof startServer>>

/**
 * A free port below those that the kernel hands out: until a server takes it, which is seconds later on
 * a busy machine, no connection of another test gets it by chance.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, 30_000)
    const probe = createServer().listen(port)
    const isFree = await once(probe, 'listening').then(
      () => true,
      () => false
    )
    if (!isFree) continue
    probe.close()
    await once(probe, 'close')
    return port
  }
}

/** The real server as a process of its own, ready; killed when the test ends. `env` is its whole configuration, `cwd` its source. */
export async function startServer(t: Teardown, env: Record<string, string>, cwd = ROOT) {
  const port = Number(env['PORT'] ?? (await freePort()))
  const url = `http://${env['HOST'] ?? 'localhost'}:${port}`
  const child = spawn(process.execPath, ['src/server.ts'], {
    cwd,
    env: {
      PATH: process.env['PATH'] ?? '',
      LOG_LEVEL: 'warn',
      ...HIGH_LIMITS,
      ...env,
      PORT: String(port)
    },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  const output = collect(child)
  t.teardown(async () => kill('SIGKILL'))

  /** Sends a signal and waits for the end. @returns the exit code, or null after a signal */
  async function kill(signal: NodeJS.Signals): Promise<number | null> {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill(signal)
      await once(child, 'exit')
    }
    return child.exitCode
  }

  await eventually(
    `server on ${url}`,
    async () => {
      if (child.exitCode !== null) throw new Error(`The server ended: ${output()}`)
      return (await fetch(`${url}/readyz`).catch(() => null))?.ok
    },
    READY_WITHIN_MS
  )

  /** POSTs JSON to it. */
  async function post(path: string, body: object, headers: Record<string, string> = {}) {
    return fetch(url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body)
    })
  }

  return { url, port, pid: child.pid, output, kill, post }
}

/** Everything that a process prints, as far as it has. */
export function collect(child: ChildProcess): () => string {
  let text = ''
  child.stdout?.on('data', (chunk) => (text += String(chunk)))
  child.stderr?.on('data', (chunk) => (text += String(chunk)))
  return () => text
}
