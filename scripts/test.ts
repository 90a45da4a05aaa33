// npm test [-- FILES…]: the tests against a real Postgres and a real Redis, from nothing.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { globSync, statSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import pg from 'pg'
import { startEmbeddedPostgres } from '../src/platform/embedded-postgres.ts'
import { applyMigrations } from '../src/platform/migrate.ts'
import { ensurePrograms } from './test/programs.ts'
import { ensureRedis } from './test/redis.ts'
import { createReport } from './test/report.ts'

const COMPILE_CACHE = join(import.meta.dirname, '../node_modules/.cache/latchkey-test')
const TAP = join(import.meta.dirname, '../node_modules/.bin/tap')
/** The data lives as long as the run: only crash safety is given up, nothing that a test can see. */
const SETTINGS = { fsync: 'off', max_connections: '300' }

let tap: ChildProcess | undefined
const interruption = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    interruption.abort()
    tap?.kill(signal)
    setTimeout(() => tap?.kill('SIGKILL'), 5_000).unref()
  })
}

try {
  await ensureRedis()
  await ensurePrograms(selectedFiles())
  const code = await withPostgres(runTap)
  process.exitCode = interruption.signal.aborted ? 130 : code
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 1
}

async function withPostgres(task: (url: string) => Promise<number>): Promise<number> {
  const dataDir = await mkdtemp(join(tmpdir(), 'latchkey-test-'))
  try {
    const postgres = await startEmbeddedPostgres({ dataDir, settings: SETTINGS })
    try {
      await makeTemplate(postgres.url)
      return await task(toDatabase(postgres.url, 'postgres'))
    } finally {
      await disconnectAll(postgres.url).catch(() => {})
      await postgres.release()
    }
  } finally {
    await rm(dataDir, { recursive: true, force: true })
  }
}

/** What `createTestDatabase` clones. */
async function makeTemplate(url: string): Promise<void> {
  const client = new pg.Client(url)
  await client.connect()
  await client.query('CREATE DATABASE latchkey_template').finally(() => client.end())
  await applyMigrations({ databaseUrl: toDatabase(url, 'latchkey_template') })
}

/** A test that hangs on after an interruption must not keep the server alive. */
async function disconnectAll(url: string): Promise<void> {
  const client = new pg.Client(url)
  await client.connect()
  await client
    .query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE backend_type = 'client backend' AND datname <> 'postgres' AND pid <> pg_backend_pid()`
    )
    .finally(() => client.end())
}

function toDatabase(url: string, name: string): string {
  return Object.assign(new URL(url), { pathname: name }).href
}

/** What runs: the arguments that are files or folders, or every test there is. */
function selectedFiles(): string[] {
  const named = process.argv.slice(2).filter((argument) => !argument.startsWith('-'))
  return (named.length === 0 ? ['test'] : named).flatMap(filesOf)
}

/** A folder stands for the tests in it. */
function filesOf(argument: string): string[] {
  const isFolder = statSync(argument, { throwIfNoEntry: false })?.isDirectory() ?? false
  return isFolder ? globSync(join(argument, '**/*.test.ts')) : [argument]
}

async function runTap(maintenanceUrl: string): Promise<number> {
  if (interruption.signal.aborted) return 1
  const report = createReport(console.log)
  const args = [TAP, 'run', '--reporter=tap', ...process.argv.slice(2).flatMap(filesOf)]
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...process.env,
      TEST_DATABASE_URL: maintenanceUrl,
      // Hundreds of processes load the same files: types are stripped and code is compiled once.
      NODE_COMPILE_CACHE: COMPILE_CACHE
    }
  })
  tap = child
  const exit = once(child, 'close') as Promise<[number | null]>
  for await (const line of createInterface({ input: child.stdout })) report.read(line)
  const [code] = await exit
  const { line, executed } = report.summary()
  console.log(line)
  return executed === 0 ? 1 : (code ?? 1)
}
