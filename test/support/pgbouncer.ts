import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { PATH_WITH_SERVERS } from '../../scripts/test/debian-package.ts'
import type { Teardown } from './database.ts'
import { eventually } from './eventually.ts'
import { collect, freePort } from './server.ts'

/**
 * A real PgBouncer before the Postgres of `databaseUrl`, in transaction mode.
 * @param poolSize connections to Postgres, for all clients together
 */
export async function startPgBouncer(
  t: Teardown,
  databaseUrl: string,
  { poolSize }: { poolSize: number }
): Promise<{ url: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-pgbouncer-'))
  await chmod(folder, 0o755) // started as root it becomes nobody
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const port = await freePort()
  const { hostname, port: far, username, password } = new URL(databaseUrl)
  const config = join(folder, 'pgbouncer.ini')
  await writeFile(
    config,
    `[databases]
* = host=${hostname} port=${far} user=${username} password='${decodeURIComponent(password)}'
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = ${poolSize}
max_client_conn = 200
${process.getuid?.() === 0 ? 'user = nobody' : ''}
`
  )
  const child = spawn('pgbouncer', [config], {
    env: { PATH: PATH_WITH_SERVERS },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  const output = collect(child)
  t.teardown(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  })
  const url = Object.assign(new URL(databaseUrl), {
    hostname: '127.0.0.1',
    port: String(port)
  }).href
  await eventually('pgbouncer', async () => {
    if (child.exitCode !== null) throw new Error(`pgbouncer ended: ${output()}`)
    const client = new pg.Client(url)
    client.on('error', () => undefined)
    return client.connect().then(
      () => client.end().then(() => true),
      () => false
    )
  })
  return { url }
}
