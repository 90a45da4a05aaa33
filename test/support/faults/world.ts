import { randomBytes } from 'node:crypto'
import { openDatabase } from '../raw-database.ts'
import { startRedis } from '../redis.ts'
import { startServer, type TestServer } from '../server.ts'
import { linkOf, startSmtpSink, type SmtpSink } from '../smtp-sink.ts'
import type { Teardown } from '../database.ts'
import type { FindLink } from './acts.ts'
import { startPostgres } from './postgres.ts'

export type World = Awaited<ReturnType<typeof openWorld>>

/** Where the servers find what they stand on. */
export type Urls = { database: string; redis: string; smtp: string }

export type WorldOptions = {
  servers?: number
  env?: Record<string, string>
  redis?: Record<string, string>
  /** The source that the servers run from, and what makes its tables; these of ours if not given. */
  cwd?: string
  migrate?: (databaseUrl: string) => Promise<void>
  /** Puts something on the way from the servers to what they stand on. */
  route?: (urls: Urls, t: Teardown) => Promise<Partial<Urls>>
}

/** Servers in production mode, and everything that they stand on, all real processes. */
export async function openWorld(t: Teardown, options: WorldOptions = {}) {
  const [postgres, redis, sink] = await Promise.all([
    startPostgres(t, options.migrate),
    startRedis(t, options.redis),
    startSmtpSink(t)
  ])
  const direct = { database: postgres.url, redis: redis.url, smtp: sink.url }
  const routed = { ...direct, ...(await options.route?.(direct, t)) }
  const env = { ...productionEnv(routed), ...options.env }
  const servers = await startServers(t, env, options.servers ?? 2, options.cwd)
  const database = await openDatabase(t, postgres.url)
  return { postgres, redis, sink, env, servers, bases: basesOf(servers), database }
}

/** What servers in production are told; everything they share is the same for all. */
export function productionEnv({ database, redis, smtp }: Urls): Record<string, string> {
  return {
    NODE_ENV: 'production',
    ISSUER: 'https://id.example',
    HOST: '127.0.0.1',
    DATABASE_URL: database,
    REDIS_URL: redis,
    SMTP_URL: smtp,
    MAIL_FROM: 'no-reply@id.example',
    KEY_ENCRYPTION_KEY: randomBytes(32).toString('hex'),
    LOG_LEVEL: 'error'
  }
}

export async function startServers(
  t: Teardown,
  env: Record<string, string>,
  count: number,
  cwd?: string
): Promise<TestServer[]> {
  return Promise.all(Array.from({ length: count }, () => startServer(t, env, cwd)))
}

export const basesOf = (servers: TestServer[]) =>
  servers.map(({ port }) => `http://127.0.0.1:${port}`)

/** The links of the mails in a sink. */
export function linksIn(sink: SmtpSink): FindLink {
  return (email) => {
    const message = sink.to(email).at(-1)
    return message === undefined ? null : linkOf(message)
  }
}
