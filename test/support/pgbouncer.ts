import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import type { Teardown } from './database.ts'
import { givenFolder } from './folder.ts'
import { startDaemon } from './daemon.ts'
import { freePort } from './server.ts'

/**
 * A real PgBouncer before the Postgres of `databaseUrl`, in transaction mode.
 * @param poolSize connections to Postgres, for all clients together
 */
export async function startPgBouncer(
  t: Teardown,
  databaseUrl: string,
  { poolSize }: { poolSize: number }
): Promise<{ url: string }> {
  const folder = await givenFolder(t)
  await chmod(folder, 0o755) // started as root it becomes nobody
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
  const url = Object.assign(new URL(databaseUrl), {
    hostname: '127.0.0.1',
    port: String(port)
  }).href
  await startDaemon(t, ['pgbouncer', config], { signal: 'SIGKILL', isUp: () => letsIn(url) })
  return { url }
}

async function letsIn(url: string): Promise<boolean> {
  const client = new pg.Client(url)
  client.on('error', () => undefined)
  return client.connect().then(
    () => client.end().then(() => true),
    () => false
  )
}
