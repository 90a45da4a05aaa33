import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { PATH_WITH_SERVERS } from '../../scripts/test/debian-package.ts'
import type { Teardown } from './database.ts'
import { eventually } from './eventually.ts'
import { collect } from './server.ts'

export type DaemonOptions = {
  env?: Record<string, string>
  /** How it is ended. */
  signal: 'SIGTERM' | 'SIGKILL'
  isUp: () => Promise<boolean>
}

/** A server of the distribution's, once it is up; ended with the test. */
export async function startDaemon(
  t: Teardown,
  [program, ...args]: readonly [string, ...string[]],
  { env, signal, isUp }: DaemonOptions
): Promise<void> {
  const child = spawn(program, args, {
    env: { PATH: PATH_WITH_SERVERS, ...env },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  const output = collect(child)
  t.teardown(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill(signal)
    await once(child, 'exit')
  })
  await eventually(program, async () => {
    if (child.exitCode !== null) throw new Error(`${program} ended: ${output()}`)
    return isUp()
  })
}

export async function isListening(port: number): Promise<boolean> {
  const socket = connect({ port, host: '127.0.0.1' })
  const isOpen = await once(socket, 'connect').then(
    () => true,
    () => false
  )
  socket.destroy()
  return isOpen
}
