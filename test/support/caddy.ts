import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Teardown } from './database.ts'
import { givenFolder } from './folder.ts'
import { isListening, startDaemon } from './daemon.ts'

/** A real Caddy with this file, once it listens. */
export async function startCaddy(t: Teardown, caddyfile: string, port: number): Promise<void> {
  const folder = await givenFolder(t)
  const file = join(folder, 'Caddyfile')
  await writeFile(file, caddyfile)
  await startDaemon(t, ['caddy', 'run', '--config', file], {
    env: { HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder },
    signal: 'SIGKILL',
    isUp: () => isListening(port)
  })
}
