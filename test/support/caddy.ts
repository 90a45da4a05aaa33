import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PATH_WITH_SERVERS } from '../../scripts/test/debian-package.ts'
import type { Teardown } from './database.ts'
import { eventually } from './eventually.ts'
import { collect } from './server.ts'

/** A real Caddy with this file, once it listens. */
export async function startCaddy(t: Teardown, caddyfile: string, port: number): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-caddy-'))
  t.teardown(() => rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 }))
  const file = join(folder, 'Caddyfile')
  await writeFile(file, caddyfile)
  const child = spawn('caddy', ['run', '--config', file], {
    env: { PATH: PATH_WITH_SERVERS, HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  const output = collect(child)
  t.teardown(async () => {
    if (child.exitCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  })
  await eventually('caddy', async () => {
    if (child.exitCode !== null) throw new Error(`caddy ended: ${output()}`)
    const socket = connect({ port, host: '127.0.0.1' })
    const isOpen = await once(socket, 'connect').then(
      () => true,
      () => false
    )
    socket.destroy()
    return isOpen
  })
}
