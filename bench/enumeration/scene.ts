import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { buildApp } from '../../src/app.ts'
import { readConfig } from '../../src/config.ts'
import { startEmbeddedPostgres } from '../../src/platform/embedded-postgres.ts'
import { applyMigrations } from '../../src/platform/migrate.ts'
import { eventually } from '../../test/support/eventually.ts'
import { startRedis } from '../../test/support/redis.ts'
import { freePort } from '../../test/support/server.ts'
import { startSmtpSink } from '../../test/support/smtp-sink.ts'
import { endWithBench, OWN_SESSION } from '../speed/own-session.ts'

/** Few wrong guesses for each, so that only those lock that shall. */
const PEOPLE = 75
const GUESSES_UNTIL_LOCK = 6
const PASSWORD = 'sparrow-lantern-42-quartz'
const MANY = '1000000'

const KINDS = ['unknown', 'known', 'locked', 'unverified', 'disabled'] as const
export type Kind = (typeof KINDS)[number]

/** A server in production mode with Postgres, Redis and a mail server of its own, and people of every kind. */
export async function startScene() {
  const tasks: (() => Promise<unknown>)[] = []
  const lifetime = { teardown: (task: () => Promise<void>) => tasks.push(task) }
  async function close(): Promise<void> {
    for (const task of tasks.toReversed()) await task()
  }
  try {
    const dataDir = await mkdtemp(join(tmpdir(), 'latchkey-measure-'))
    tasks.push(() => rm(dataDir, { recursive: true, force: true }))
    const postgres = await startEmbeddedPostgres({ dataDir })
    tasks.push(() => postgres.release())
    await applyMigrations({ databaseUrl: postgres.url })
    const env = {
      NODE_ENV: 'production',
      ISSUER: 'https://id.example.com',
      DATABASE_URL: postgres.url,
      REDIS_URL: (await startRedis(lifetime)).url,
      SMTP_URL: (await startSmtpSink(lifetime)).url,
      KEY_ENCRYPTION_KEY: randomBytes(32).toString('hex'),
      PORT: String(await freePort()),
      HOST: '127.0.0.1',
      LOG_LEVEL: 'warn',
      RATE_LIMIT_LOGIN_PER_MINUTE: MANY,
      RATE_LIMIT_REGISTER_PER_HOUR: MANY,
      RATE_LIMIT_RESET_PER_HOUR: MANY
    }
    tasks.push(await startServer(env))
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const post = createPost(agent, Number(env.PORT))
    await givenPeople(env, post)
    return { kinds: [...KINDS], addressOf, post, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** @returns what ends it */
async function startServer(env: Record<string, string>): Promise<() => Promise<void>> {
  const child = endWithBench(
    spawn(process.execPath, ['src/server.ts'], {
      env: { PATH: process.env['PATH'] ?? '', ...env },
      stdio: ['ignore', 'ignore', 'inherit'],
      ...OWN_SESSION
    })
  )
  const url = `http://127.0.0.1:${env['PORT'] ?? ''}/readyz`
  await eventually('the server', async () => (await fetch(url).catch(() => null))?.ok, 30_000)
  return async () => {
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
}

type Post = ReturnType<typeof createPost>

/** One connection, kept open: what is measured is the answer alone. */
function createPost(agent: Agent, port: number) {
  return async function post(path: string, form: object) {
    const body = JSON.stringify(form)
    const length = Buffer.byteLength(body)
    const headers = { 'content-type': 'application/json', 'content-length': length }
    const startedAtMs = performance.now()
    const sent = request({ agent, port, host: '127.0.0.1', method: 'POST', path, headers })
    sent.end(body)
    const [answer] = (await once(sent, 'response')) as [import('node:http').IncomingMessage]
    await answer.toArray()
    return { status: answer.statusCode ?? 0, tookMs: performance.now() - startedAtMs }
  }
}

const addressOf = (kind: Kind, index: number) =>
  `${kind.padEnd(10, 'x')}-${index % PEOPLE}@example.com`

/** Registered as in a closed network, which is quicker than 300 mails; then what each kind is. */
async function givenPeople(env: Record<string, string>, post: Post): Promise<void> {
  const database = new pg.Client(env['DATABASE_URL'])
  await database.connect()
  const settings = { ...env, EMAIL_VERIFICATION: 'optional', LOG_LEVEL: 'silent' }
  const closed = await buildApp({ ...readConfig(settings), databaseUrl: env['DATABASE_URL'] ?? '' })
  try {
    for (let index = 0; index < PEOPLE; index += 1) {
      for (const kind of ['known', 'locked', 'disabled'] as const) {
        const email = addressOf(kind, index)
        const body = { email, password: PASSWORD }
        const answer = await closed.inject({ method: 'POST', url: '/auth/register', body })
        const { id } = answer.json<{ user: { id: string } }>().user
        const status = kind === 'disabled' ? 'disabled' : 'active'
        await database.query(
          'UPDATE users SET email_verified_at = latchkey_now(), status = $2::user_status WHERE id = $1',
          [id, status]
        )
        for (let i = 0; kind === 'locked' && i < GUESSES_UNTIL_LOCK; i += 1) {
          await post('/auth/login', { email, password: 'not-the-password-7' })
        }
      }
      await post('/auth/register', { email: addressOf('unverified', index), password: PASSWORD })
    }
    // As if all of that were long ago: what a mailbox may get is free again, the locks are not.
    await database.query('DELETE FROM attempt_counter')
    await database.query(
      `UPDATE guess_lane SET blocked_until = latchkey_now() + interval '1 day' WHERE failures >= 5`
    )
  } finally {
    await closed.close()
    await database.end()
  }
}
