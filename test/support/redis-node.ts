import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Teardown } from './database.ts'

const PATIENCE_MS = 5_000

export type RedisNode = ReturnType<typeof createNode>

/** One process, with handles for what goes wrong in the world. */
export function createNode(t: Teardown, port: number, launch: () => Promise<ChildProcess>) {
  let server: ChildProcess | undefined

  async function kill(): Promise<void> {
    if (server === undefined || server.exitCode !== null || server.signalCode !== null) return
    const exit = once(server, 'exit')
    server.kill('SIGKILL') // also ends a frozen one
    await exit
  }
  t.teardown(kill)

  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    start: async () => {
      server = await launch()
    },
    /** Connections are refused from here on. */
    kill,
    /** Connections stay open, and nothing answers. */
    freeze: () => server?.kill('SIGSTOP'),
    thaw: () => server?.kill('SIGCONT'),
    send: (command: string) => send(port, command),
    /** `name:value` of its INFO. */
    info: async (section: string, name: string): Promise<string | undefined> => {
      const text = await send(port, `INFO ${section}`).catch(() => '')
      return new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(text)?.[1]
    }
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
