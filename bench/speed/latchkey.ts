import { execFile, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { openSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { argon2 } from '../../src/accounts/argon2.ts'
import pg from 'pg'
import packageJson from '../../package.json' with { type: 'json' }
import { applyMigrations } from '../../src/platform/migrate.ts'
import { freePort } from '../../test/support/server.ts'
import { endWithBench, OWN_SESSION } from './own-session.ts'
import type { Place } from './place.ts'

const run = promisify(execFile)
const ROOT = join(import.meta.dirname, '..', '..')

export const PASSWORD = 'sparrow-lantern-42-quartz'
/** Nobody logs in more than 20 times in five minutes: the rule per name stands. */
const PEOPLE = 4_000
const WIDE = '1000000'

export const emailOf = (index: number) => `person-${index % PEOPLE}@example.com`

export type Latchkey = Awaited<ReturnType<typeof openLatchkey>>

/** The production server with people and clients in its database. Rate limits are on, and wide. */
export async function openLatchkey(place: Place, extra: Record<string, string> = {}) {
  const databaseUrl = await place.createDatabase('latchkey_bench')
  await applyMigrations({ databaseUrl })
  const port = await freePort()
  const env = {
    PATH: process.env['PATH'] ?? '',
    NODE_ENV: 'production',
    ISSUER: 'https://id.example.com',
    HOST: '127.0.0.1',
    PORT: String(port),
    DATABASE_URL: databaseUrl,
    REDIS_URL: place.redisUrl,
    SMTP_URL: place.smtpUrl,
    KEY_ENCRYPTION_KEY: randomBytes(32).toString('hex'),
    // As docs/performance.md has it: a hash for each core, and threads beside them for signatures.
    ARGON2_CONCURRENCY: String(availableParallelism()),
    UV_THREADPOOL_SIZE: String(availableParallelism() + 2),
    ARGON2_SCHEDULING: 'idle',
    RATE_LIMIT_LOGIN_PER_MINUTE: WIDE,
    RATE_LIMIT_REGISTER_PER_HOUR: WIDE,
    RATE_LIMIT_AUTHORIZE_PER_MINUTE: WIDE,
    LOG_LEVEL: 'info',
    ...extra
  }
  await givenPeople(place.folder, env, databaseUrl)
  const create = (...args: string[]) => createOAuthClient(env, args)
  const [web, service] = await Promise.all([
    create('Shop', '--first-party', '--redirect-uri', 'https://shop.example/callback'),
    create('Orders', '--service', '--resource-server', '--scope', 'orders:read')
  ])
  const started = await startServer(env, join(place.folder, 'server.log'))
  place.onClose(started.stop)
  return { ...started, env, port, web, service }
}

/** The server's process, from its start until it is ready. Its log goes to a file, as in production. */
export async function startServer(
  env: Record<string, string>,
  logFile: string,
  flags: string[] = []
) {
  const log = openSync(logFile, 'a')
  const startedMs = performance.now()
  const [usualEnv, usualFlags] = npmStart()
  const child = endWithBench(
    spawn(process.execPath, [...usualFlags, ...flags, 'src/server.ts'], {
      cwd: ROOT,
      env: { ...usualEnv, ...env },
      stdio: ['ignore', log, log],
      ...OWN_SESSION
    })
  )
  const url = `http://127.0.0.1:${env['PORT'] ?? ''}/readyz`
  while ((await fetch(url).catch(() => null))?.ok !== true) {
    if (child.exitCode !== null) throw new Error(`The server ended; its log is ${logFile}.`)
    if (performance.now() - startedMs > 30_000) throw new Error('The server does not get ready.')
    await sleep(5)
  }
  const readyMs = performance.now() - startedMs

  async function stop(): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGTERM')
    await once(child, 'exit')
  }

  return { readyMs, program: { name: 'server', pid: child.pid ?? 0 }, stop }
}

/** What `npm start` sets for the server, and the flags that it gives to Node. */
function npmStart(): [Record<string, string>, string[]] {
  const words = packageJson.scripts.start.split(' ')
  const node = words.indexOf('node')
  const env = words.slice(0, node).map((word) => {
    const equalsAt = word.indexOf('=') // a value may have some of its own
    return [word.slice(0, equalsAt), word.slice(equalsAt + 1)] as const
  })
  return [Object.fromEntries(env), words.slice(node + 1, -1)]
}

/** Imported, and each with the same hash, as the server would have made it. */
async function givenPeople(folder: string, env: Record<string, string>, databaseUrl: string) {
  const parameters = {
    type: argon2.argon2id,
    memoryCost: 19_456,
    timeCost: 2,
    parallelism: 1
  } as const
  const hash = await argon2.hash(PASSWORD, parameters)
  const file = join(folder, 'people.jsonl')
  const lines = Array.from({ length: PEOPLE }, (_, index) =>
    JSON.stringify({ email: emailOf(index), email_verified: true })
  )
  await writeFile(file, lines.join('\n'))
  await run(process.execPath, ['scripts/users.ts', 'import', file], { cwd: ROOT, env })
  const client = new pg.Client(databaseUrl)
  await client.connect()
  await client.query('UPDATE users SET password_hash = $1', [hash])
  await client.query('VACUUM ANALYZE')
  await client.end()
}

/** As an operator does it. @returns its id and secret */
export async function createOAuthClient(env: Record<string, string>, args: string[]) {
  const { stdout } = await run(process.execPath, ['scripts/clients.ts', 'create', ...args], {
    cwd: ROOT,
    env
  })
  const read = (name: string) => new RegExp(`${name} +(\\S+)`).exec(stdout)?.[1] ?? ''
  return { id: read('client_id'), secret: read('client_secret') }
}
