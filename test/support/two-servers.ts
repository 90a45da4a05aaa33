import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Test } from 'tap'
import { PASSWORD, freshEmail } from './builders.ts'
import { createTestDatabase } from './database.ts'
import { openDatabase } from './raw-database.ts'
import { startRedis } from './redis.ts'
import { freePort, startServer, type TestServer } from './server.ts'

/** `isRepeated`: a server took the first answer along when it was killed. */
type Answer = { status: number; body: Record<string, string>; isRepeated: boolean }

/** Two servers on one database, each of which may be away; whoever asks goes to one that is there. */
export async function givenTwoServers(t: Test, settings: Record<string, string>) {
  const { url } = await createTestDatabase(t)
  const redis = await startRedis(t)
  const ports = [String(await freePort()), String(await freePort())]
  const env = {
    DATABASE_URL: url,
    REDIS_URL: redis.url,
    DATA_DIR: t.testdir({}),
    KEY_ENCRYPTION_KEY: randomBytes(32).toString('hex'),
    EMAIL_VERIFICATION: 'optional',
    ARGON2_QUEUE_LENGTH: '200',
    ARGON2_WAIT_MS: '60000',
    REFRESH_GRACE_SECONDS: '60',
    ...settings
  }
  const servers: (TestServer | null)[] = [null, null]

  async function start(index: number, changes: Record<string, string> = {}): Promise<void> {
    servers[index] = await startServer(t, { ...env, ...changes, PORT: ports[index]! })
  }

  /** Traffic no longer goes there, then the signal comes: as a balancer does it on a drain. */
  async function stop(index: number, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const server = servers[index]!
    if (signal === 'SIGTERM') await away(index)
    await server.kill(signal)
    servers[index] = null
  }

  /** Nobody is sent there from now on, and whoever was has got an answer. */
  async function away(index: number): Promise<TestServer> {
    const server = servers[index]!
    servers[index] = null
    while ((busy.get(server) ?? 0) > 0) await delay(10)
    return server
  }

  const busy = new Map<TestServer, number>()

  /** Asks a server that is there. A request that a killed server took along is asked again. */
  async function ask(path: string, body: object): Promise<Answer> {
    let isRepeated = false
    for (;;) {
      const there = servers.filter((server) => server !== null)
      const server = there[Math.floor(Math.random() * there.length)]
      if (server === undefined) {
        await delay(20)
        continue
      }
      busy.set(server, (busy.get(server) ?? 0) + 1)
      try {
        const answer = await server.post(path, body)
        const json = (await answer.json()) as Record<string, string>
        return { status: answer.status, body: json, isRepeated }
      } catch {
        isRepeated = true
        if (servers.includes(server)) await delay(50)
      } finally {
        busy.set(server, (busy.get(server) ?? 1) - 1)
      }
    }
  }

  return {
    env,
    ...(await openDatabase(t, url)),
    servers,
    start,
    stop,
    away,
    back: (index: number, server: TestServer) => (servers[index] = server),
    ask
  }
}

export type TwoServers = Awaited<ReturnType<typeof givenTwoServers>>

/**
 * People who register, log in, refresh, ask for a reset and register once more, until they are told to stop.
 * @returns their addresses, what they asked, and every answer that was not the right one
 */
export function startTraffic({ ask }: Pick<TwoServers, 'ask'>, people = 4) {
  const counts = { asked: 0, failed: [] as string[] }
  const emails: string[] = []
  let isOver = false

  async function expect(status: number, path: string, body: object): Promise<Answer['body']> {
    counts.asked += 1
    const answer = await ask(path, body)
    const wasDone = answer.isRepeated && answer.status === 409 && status === 201
    if (answer.status !== status && !wasDone) {
      counts.failed.push(`${path} ${answer.status} ${JSON.stringify(answer.body)}`)
    }
    return answer.body
  }

  async function live(): Promise<void> {
    const known: { email: string; token: string }[] = []
    while (!isOver) {
      const email = freshEmail()
      await expect(201, '/auth/register', { email, password: PASSWORD })
      emails.push(email)
      const pair = await expect(200, '/auth/login', { email, password: PASSWORD })
      known.push({ email, token: pair['refresh_token'] ?? '' })
      for (const one of known.slice(-3)) {
        const next = await expect(200, '/auth/refresh-token', { refresh_token: one.token })
        one.token = next['refresh_token'] ?? one.token
      }
      const old = known[Math.floor(Math.random() * known.length)]!
      await expect(409, '/auth/register', { email: old.email, password: PASSWORD })
      await expect(200, '/auth/login', { email: old.email, password: PASSWORD })
      await expect(200, '/auth/forgot-password', { email: old.email })
    }
    for (const { token } of known) {
      await expect(200, '/auth/refresh-token', { refresh_token: token })
    }
  }

  const lives = Array.from({ length: people }, live)
  return {
    counts,
    emails,
    stop: async () => {
      isOver = true
      await Promise.all(lives)
    }
  }
}
