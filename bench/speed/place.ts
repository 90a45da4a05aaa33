import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { ensureRedis } from '../../scripts/test/redis.ts'
import { startEmbeddedPostgres } from '../../src/platform/embedded-postgres.ts'
import { eventually } from '../../test/support/eventually.ts'
import { freePort } from '../../test/support/server.ts'
import { startSmtpSink } from '../../test/support/smtp-sink.ts'
import type { Program } from './process-usage.ts'

export type Place = Awaited<ReturnType<typeof openPlace>>

/** What every server here stands on: one Postgres that loses nothing, one Redis, a mail server that takes all. */
export async function openPlace() {
  const tasks: (() => unknown)[] = []
  async function close(): Promise<void> {
    for (const task of tasks.toReversed()) await task()
  }
  try {
    const folder = await mkdtemp(join(tmpdir(), 'latchkey-bench-'))
    tasks.push(() => rm(folder, { recursive: true, force: true }))
    const settings = { fsync: 'on', synchronous_commit: 'on', max_connections: '200' }
    const postgres = await startEmbeddedPostgres({ dataDir: folder, settings })
    tasks.push(() => postgres.release())
    const [pid = ''] = (await readFile(join(folder, 'postgres/postmaster.pid'), 'utf8')).split('\n')
    const redis = await startRedis(tasks)
    const smtp = await startSmtpSink({ teardown: (task: () => Promise<void>) => tasks.push(task) })

    /** An empty database beside the others. @returns its URL */
    async function createDatabase(name: string): Promise<string> {
      const client = new pg.Client(postgres.url)
      await client.connect()
      await client.query(`CREATE DATABASE ${name}`)
      await client.end()
      return postgres.url.replace(/[^/]+$/, name)
    }

    return {
      folder,
      programs: {
        postgres: { name: 'Postgres', pid: Number(pid) } satisfies Program,
        redis: redis.program
      },
      redisUrl: redis.url,
      smtpUrl: smtp.url,
      createDatabase,
      onClose: (task: () => unknown) => tasks.push(task),
      close
    }
  } catch (error) {
    await close()
    throw error
  }
}

async function startRedis(tasks: (() => unknown)[]) {
  await ensureRedis()
  const port = await freePort()
  const flags = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']
  const child = spawn('redis-server', flags, { stdio: 'ignore' })
  tasks.push(async () => {
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  })
  const url = `redis://127.0.0.1:${port}`
  await eventually('redis-server', () => isOpen(port), 5_000)
  return { url, program: { name: 'Redis', pid: child.pid ?? 0 } satisfies Program }
}

async function isOpen(port: number): Promise<boolean> {
  const { connect } = await import('node:net')
  const socket = connect({ port, host: '127.0.0.1' })
  const opened = await once(socket, 'connect').then(
    () => true,
    () => false
  )
  socket.destroy()
  return opened
}
