import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Surprise } from './surprise.ts'

const SERVER = join(import.meta.dirname, '../../examples/resource-server/server.ts')

/** The example service as a process of its own, told where the issuer is and nothing else. */
export async function startResourceServer(issuer: string) {
  const child = spawn(process.execPath, [SERVER], {
    env: { PATH: process.env['PATH'], ISSUER: issuer, HOST: '127.0.0.1', PORT: '0' },
    stdio: ['ignore', 'pipe', 'ignore']
  })
  const ended = once(child, 'exit') as Promise<[number | null]>

  /** @returns its exit code, or null where it had to be killed */
  async function stop(): Promise<number | null> {
    child.kill('SIGTERM')
    const [code] = await ended
    return code
  }

  const firstLine = once(createInterface({ input: child.stdout }), 'line')
  const [said] = (await Promise.race([firstLine, ended])) as [unknown]
  const url = /http\S+/.exec(String(said))?.[0]
  if (url === undefined) {
    throw new Surprise(`The example service does not start: try node ${SERVER}`)
  }
  return {
    url,
    stop,
    [Symbol.asyncDispose]: async () => {
      await stop()
    }
  }
}
