import type { ChildProcess } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { Teardown } from './database.ts'
import { send } from './redis.ts'

export type RedisNode = ReturnType<typeof createNode>

/** One process of several that know each other, with handles for what goes wrong in the world. */
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
    kill,
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

/** Free ports below those that the kernel hands out; a cluster's bus takes the one 10,000 above each. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>()
  while (ports.size < count) {
    const port = randomInt(10_000, 20_000)
    if ((await isFree(port)) && (await isFree(port + 10_000))) ports.add(port)
  }
  return [...ports]
}

async function isFree(port: number): Promise<boolean> {
  const probe = createServer().listen(port, '127.0.0.1')
  const isOurs = await once(probe, 'listening').then(
    () => true,
    () => false
  )
  if (!isOurs) return false
  probe.close()
  await once(probe, 'close')
  return true
}
