import { execFile } from 'node:child_process'
import { appendFile, chown, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { openCluster } from '../../../src/platform/embedded-postgres/cluster.ts'
import { applyMigrations } from '../../../src/platform/migrate.ts'
import type { Teardown } from '../database.ts'
import { eventually } from '../eventually.ts'
import { givenFolder } from '../folder.ts'
import { openDatabase } from '../raw-database.ts'
import { startTcpProxy, type TcpProxy } from '../tcp-proxy.ts'
import { openNode, type Node } from './postgres-node.ts'

const COPY_WITHIN_MS = 60_000

/**
 * A primary and a standby that streams from it over a wire; for a synchronous one, a commit waits. `fsync` is
 * on for both.
 */
export async function startStreaming(t: Teardown, { synchronous = false } = {}) {
  const folder = await givenFolder(t)
  const { dir, password } = await openCluster(folder, () => undefined)
  const primary = await openNode(t, dir, password)
  await primary.start()
  await applyMigrations({ databaseUrl: primary.url })
  const wire = await startTcpProxy(t, primary.url)
  const standby = await makeStandby(t, primary, wire, await givenFolder(t))
  await standby.start()
  const { sql } = await openDatabase(t, primary.url)
  if (synchronous) {
    await sql("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
    await sql('SELECT pg_reload_conf()')
  }
  await eventually(
    'the standby streams',
    async () => {
      const rows = await sql<{ kind: string }>(
        "SELECT sync_state AS kind FROM pg_stat_replication WHERE state = 'streaming'"
      )
      return rows[0]?.kind === (synchronous ? 'sync' : 'async')
    },
    COPY_WITHIN_MS
  )
  /** Both in one URL, as a server is told. */
  const url = primary.url.replace(/(127\.0\.0\.1:\d+)/, `$1,127.0.0.1:${standby.port}`)
  return { primary, standby, url, wire, sql }
}

/** A copy as `pg_basebackup` makes it; embedded Postgres brings none. */
async function makeStandby(
  t: Teardown,
  primary: Node,
  wire: TcpProxy,
  folder: string
): Promise<Node> {
  const dir = join(folder, 'postgres')
  const { sql } = await openDatabase(t, primary.url)
  await sql("SELECT pg_backup_start('standby', true)")
  // A file may vanish under the copy of a server at work, which the log makes up for.
  await promisify(execFile)('cp', ['-a', primary.dir, dir]).catch(() => undefined)
  const [{ label }] = (await sql('SELECT labelfile AS label FROM pg_backup_stop(false)')) as [
    { label: string }
  ]
  await rm(join(dir, 'postmaster.pid'), { force: true })
  const wal = join(dir, 'pg_wal')
  for (const name of await readdir(wal)) await rm(join(wal, name), { recursive: true })
  const { password } = primary
  const { port } = new URL(wire.url)
  const source = `host=127.0.0.1 port=${port} user=postgres password=${password} application_name=standby`
  await writeFile(join(dir, 'backup_label'), label)
  await writeFile(join(dir, 'standby.signal'), '')
  await appendFile(join(dir, 'postgresql.auto.conf'), `primary_conninfo = '${source}'\n`)
  const { uid, gid } = await stat(dir)
  for (const name of ['backup_label', 'standby.signal']) await chown(join(dir, name), uid, gid)
  return openNode(t, dir, password)
}
