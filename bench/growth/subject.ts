import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { readConfig } from '../../src/config.ts'
import { openPlatform } from '../../src/platform/open-platform.ts'
import { writeRefreshToken } from '../../src/sessions/refresh-token.ts'
import { eventually } from '../../test/support/eventually.ts'
import { freePort } from '../../test/support/server.ts'
import { endWithBench, OWN_SESSION } from '../speed/own-session.ts'
import { openClients } from './clients.ts'
import { KEY_ENCRYPTION_KEY, type BenchDatabase } from './databases.ts'
import { createClient, type Answer } from './load.ts'
import { emailOf, PASSWORD, secretOf, sessionIdOf, someLiveSession } from './population.ts'

/** Spread over the table; each is refreshed again and again. */
const SESSIONS = 20_000
const MANY = '1000000'
const TICK_MS = 10

export type Subject = Awaited<ReturnType<typeof startSubject>>

/** A server on one of the databases, a client of it, and the operations that are compared. */
export async function startSubject(
  { name, url: databaseUrl, population }: BenchDatabase,
  more: Record<string, string> = {}
) {
  const port = await freePort()
  const env = {
    DATABASE_URL: databaseUrl,
    KEY_ENCRYPTION_KEY,
    PORT: String(port),
    LOG_LEVEL: 'warn',
    ARGON2_WAIT_MS: '60000',
    RATE_LIMIT_LOGIN_PER_MINUTE: MANY,
    RATE_LIMIT_REGISTER_PER_HOUR: MANY,
    RATE_LIMIT_AUTHORIZE_PER_MINUTE: MANY,
    SESSIONS_PER_USER: '10000',
    PURGE_INTERVAL_SECONDS: '86400',
    PATH: process.env['PATH'] ?? '',
    ...more
  }
  const child = endWithBench(
    spawn(process.execPath, ['src/server.ts'], {
      env,
      stdio: ['ignore', 'inherit', 'inherit'],
      ...OWN_SESSION
    })
  )
  const ready = `http://127.0.0.1:${port}/readyz`
  await eventually('the server', async () => (await fetch(ready).catch(() => null))?.ok, 60_000)
  const database = new pg.Client(databaseUrl)
  await database.connect()
  const { ask, close: closeClient } = createClient(port, 64)
  const refreshTokens = await tokensOf(env)
  const accessTokens: string[] = []
  let turn = 0

  async function login(n: number): Promise<Answer> {
    const body = { email: emailOf(n), password: PASSWORD }
    return ask({ method: 'POST', path: '/auth/login', body })
  }

  async function loginAnybody(): Promise<Answer> {
    const n = Math.floor(Math.random() * population.users)
    return login(n % 1_000 === 999 ? n - 1 : n) // those are disabled
  }

  /** The token that comes back takes the place of the one that was spent: none is asked with twice. */
  async function refresh(): Promise<Answer> {
    const refreshToken = refreshTokens.shift()
    if (refreshToken === undefined) throw new Error('More connections than sessions.')
    const answer = await ask({
      method: 'POST',
      path: '/auth/refresh-token',
      body: { refresh_token: refreshToken }
    })
    if (answer.status === 200) {
      const pair = JSON.parse(answer.body) as { refresh_token: string; access_token: string }
      refreshTokens.push(pair.refresh_token)
      if (accessTokens.length < 2_000) accessTokens.push(pair.access_token)
    }
    return answer
  }

  /** One session, so often, each time with the token that the last answer gave. */
  async function rotateOne(times: number): Promise<void> {
    let refreshToken = refreshTokens.shift()
    for (let n = 0; n < times; n += 1) {
      const body = { refresh_token: refreshToken }
      const answer = await ask({ method: 'POST', path: '/auth/refresh-token', body })
      if (answer.status !== 200) throw new Error(`${answer.status}: ${answer.body}`)
      refreshToken = (JSON.parse(answer.body) as { refresh_token: string }).refresh_token
    }
  }

  const nextAccessToken = () => accessTokens[turn++ % accessTokens.length] ?? ''
  const verify = () =>
    ask({ path: '/auth/verify-token', authorization: `Bearer ${nextAccessToken()}` })

  let newcomers = 0
  const register = () =>
    ask({
      method: 'POST',
      path: '/auth/register',
      body: {
        email: `new-${process.pid}-${newcomers++}@${name.replaceAll('_', '-')}.example.com`,
        password: PASSWORD
      }
    })

  let clients: Awaited<ReturnType<typeof openClients>> | undefined
  const theClients = () => {
    if (clients === undefined) throw new Error('Prepare it first.')
    return clients
  }

  let adminToken = ''
  async function admin(path: string): Promise<Answer> {
    return ask({ path, authorization: `Bearer ${adminToken}` })
  }

  /** Access tokens live for a quarter of an hour; a comparison takes longer. */
  async function enterAdmin(): Promise<void> {
    const answer = await login(0)
    adminToken = (JSON.parse(answer.body) as { access_token: string }).access_token
  }

  async function prepare(): Promise<void> {
    while (accessTokens.length < 500) await refresh()
    await enterAdmin()
    clients = await openClients(env, ask, population)
  }

  async function tokensOf(settings: Record<string, string>): Promise<string[]> {
    const platform = await openPlatform({ ...readConfig(settings), databaseUrl }, () => undefined)
    const key = platform.dataKeys.activeAt('refresh_mac', platform.clock.now())
    await platform.close()
    const wanted = Math.min(SESSIONS, Math.floor(population.sessions / 5))
    const numbers = new Set<number>()
    while (numbers.size < wanted) numbers.add(someLiveSession(population))
    const ids = [...numbers].map((n) => sessionIdOf(n, population))
    const { rows } = await database.query<{ id: string; generation: number }>(
      `SELECT s.id, generation FROM session AS s JOIN users AS u ON u.id = user_id
        WHERE s.id = ANY ($1::uuid[]) AND revoked_at IS NULL AND expires_at > now() AND status = 'active'
        ORDER BY random()`,
      [ids]
    )
    return rows.map(({ id, generation }) =>
      writeRefreshToken({ sessionId: id, generation, secret: secretOf(id) }, key)
    )
  }

  const backendMs = new Map<number, number>()
  /**
   * CPU that the server and its connections to Postgres have used so far, in ms. Of a connection that has ended
   * meanwhile, what it had used when it was last looked at.
   */
  async function cpuMs(): Promise<{ server: number; postgres: number }> {
    const { rows } = await database.query<{ pid: number }>(
      `SELECT pid FROM pg_stat_activity
        WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()`
    )
    for (const { pid } of rows) backendMs.set(pid, Math.max(cpuOf(pid), backendMs.get(pid) ?? 0))
    const postgres = [...backendMs.values()].reduce((sum, ms) => sum + ms, 0)
    return { server: cpuOf(child.pid ?? 0), postgres }
  }

  async function walBytes(): Promise<number> {
    const { rows } = await database.query<{ bytes: string }>(
      `SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn AS bytes`
    )
    return Number(rows[0]?.bytes)
  }

  /** Connections tell their statistics when they have been idle for a while. */
  async function settle(): Promise<void> {
    await delay(11_000)
  }

  async function close(): Promise<void> {
    closeClient()
    child.kill('SIGTERM')
    await once(child, 'exit')
    await database.end()
  }

  return {
    rotateOne,
    settle,
    name,
    population,
    database,
    loginAnybody,
    refresh,
    verify,
    introspect: () => theClients().introspect(nextAccessToken()),
    clientCredentials: () => theClients().clientCredentials(),
    codeFlow: () => theClients().codeFlow(),
    register,
    get: (path: string) => ask({ path }),
    admin,
    enterAdmin,
    prepare,
    cpuMs,
    walBytes,
    close
  }
}

function cpuOf(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS
  } catch {
    return 0 // a connection that has ended
  }
}
