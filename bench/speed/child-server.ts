import { fork } from 'node:child_process'
import { once } from 'node:events'
import { freePort } from '../../test/support/server.ts'
import { endWithBench, OWN_SESSION } from './own-session.ts'
import type { Place } from './place.ts'

/** Starts a server that tells by a message when it listens, and what there is to know. */
// eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- what arrives is what the file sends
export async function startChild<Told>(
  place: Place,
  { name, file, env }: { name: string; file: string; env: Record<string, string> }
) {
  const port = await freePort()
  const child = endWithBench(
    fork(file, {
      env: { PATH: process.env['PATH'] ?? '', NODE_ENV: 'production', ...env, PORT: String(port) },
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      ...OWN_SESSION
    })
  )
  let said = ''
  child.stderr?.on('data', (chunk) => (said = (said + String(chunk)).slice(-4_000)))
  const exit = once(child, 'exit')
  place.onClose(async () => {
    child.kill('SIGKILL')
    await exit
  })
  const ended = exit.then(() => {
    throw new Error(`${name} ended: ${said}`)
  })
  ended.catch(() => undefined)
  const [told] = (await Promise.race([once(child, 'message'), ended])) as [Told]
  return { port, told, program: { name: 'server', pid: child.pid ?? 0 } }
}
