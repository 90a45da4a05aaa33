import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Teardown } from './database.ts'
import { freePort } from './server.ts'

const PATIENCE_MS = 5_000

export type TestRedis = Awaited<ReturnType<typeof startRedis>>

/** A real Redis of the test's own (`settings` as in redis.conf), with handles for what goes wrong in the world. */
export async function startRedis(t: Teardown, settings: Record<string, string> = {}) {
  const port = await freePort()
  let server = await start(port, settings)

  async function kill(): Promise<void> {
    if (server.exitCode !== null || server.signalCode !== null) return
    const exit = once(server, 'exit')
    server.kill('SIGKILL') // also ends a frozen one
    await exit
  }
  t.teardown(kill)

  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    /** Connections stay open, and nothing answers. */
    freeze: () => server.kill('SIGSTOP'),
    thaw: () => server.kill('SIGCONT'),
    /** Connections are refused from here on. */
    kill,
    /** The same port, and nothing remembered. */
    restart: async () => {
      await kill()
      server = await start(port, settings)
    },
    flush: () => send(port, 'FLUSHALL')
  }
}

/** @param file read before the settings; the server may write there what it is told later */
export async function start(
  port: number,
  settings: Record<string, string> = {},
  file?: string
): Promise<ChildProcess> {
  const address = ['--port', String(port), '--bind', '127.0.0.1']
  const asked = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value])
  const args = [...address, '--save', '', '--appendonly', 'no', ...asked]
  const server = spawn('redis-server', file === undefined ? args : [file, ...args], {
    stdio: 'ignore'
  })
  await answering(server, port)
  return server
}

/** @throws when it does not get so far; it is killed then */
export async function answering(server: ChildProcess, port: number): Promise<void> {
  server.on('error', () => {}) // shows as a server that never answers
  const deadline = performance.now() + PATIENCE_MS
  while ((await send(port, 'PING').catch(() => '')) !== '+PONG') {
    if (server.exitCode !== null || performance.now() > deadline) {
      server.kill('SIGKILL')
      throw new Error(`redis-server does not answer on port ${port}`)
    }
    await sleep(5)
  }
}

/** One command on a connection of its own, whose arguments hold no spaces; the start of the answer. */
export async function send(port: number, command: string): Promise<string> {
  const socket = connect({ port, host: '127.0.0.1' })
  socket.setTimeout(1_000, () => socket.destroy(new Error('Redis does not answer')))
  try {
    await once(socket, 'connect')
    socket.write(`${command}\r\n`)
    const [answer] = (await once(socket, 'data')) as [Buffer]
    return answer.toString().trim()
  } finally {
    socket.destroy()
  }
}
