import { isIP } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { Redis, type RedisOptions } from 'ioredis'

const ANSWER_WITHIN_MS = 250

/** ioredis' defaults hide an outage: queue, wait, send again. Here every command fails soon instead. */
const OPTIONS = {
  lazyConnect: true,
  enableOfflineQueue: false,
  maxRetriesPerRequest: 1,
  commandTimeout: ANSWER_WITHIN_MS,
  // A command whose answer was lost may have happened: INCR would count twice.
  autoResendUnfulfilledCommands: false,
  // ioredis would subscribe again without catching the failure; the store does it.
  autoResubscribe: false,
  connectTimeout: 1000,
  // A connection that owes an answer for this long is dead or frozen: drop it with all that is
  // queued on it. Until then a late answer still finds the command it belongs to.
  socketTimeout: 1000,
  disconnectTimeout: ANSWER_WITHIN_MS,
  maxLoadingRetryTime: 500,
  // For ever, at most 1.2 s apart; jitter keeps replicas from returning in step.
  retryStrategy: (attempt) => Math.min(50 * 2 ** attempt, 1000) + Math.random() * 200,
  // After a failover the old master may be a replica: look up the name anew.
  reconnectOnError: (error) => error.message.startsWith('READONLY')
} satisfies RedisOptions

/**
 * A connection that fails within 250 ms and reconnects for ever. It is opened by `open` below.
 * @throws {TypeError} when `url` is not redis[s]://[user[:password]@]host[:port][/db]
 */
export function createConnection(url: string): Redis {
  return new Redis({ ...parseUrl(url), ...OPTIONS })
}

/** Ready, or known to fail, or 1.5 s later; never throws: reconnecting goes on behind it. */
export async function open(connections: Redis[]): Promise<void> {
  const attempts = connections.map((connection) => connection.connect())
  await Promise.race([Promise.allSettled(attempts), delay(1500, undefined, { ref: false })])
}

/** Resolves once the socket is gone, 250 ms after a silent peer was asked. */
export async function shut(connection: Redis): Promise<void> {
  const isConnected = ['connecting', 'connect', 'ready'].includes(connection.status)
  const ended = new Promise<void>((resolve) => connection.once('end', resolve))
  connection.disconnect()
  if (isConnected)
    await Promise.race([ended, delay(2 * ANSWER_WITHIN_MS, undefined, { ref: false })])
}

/** Read here and not by ioredis: a query in the URL would override the options above. */
function parseUrl(url: string) {
  const parsed = URL.parse(url)
  const isRedis = parsed?.protocol === 'redis:' || parsed?.protocol === 'rediss:'
  if (
    !isRedis ||
    parsed.hostname === '' ||
    parsed.search !== '' ||
    !/^\/?\d*$/.test(parsed.pathname)
  ) {
    throw new TypeError('the Redis URL must be redis[s]://[user[:password]@]host[:port][/db]')
  }
  const host = parsed.hostname.replace(/^\[|\]$/g, '')
  return {
    host,
    port: parsed.port === '' ? 6379 : Number(parsed.port),
    username: decodeURIComponent(parsed.username),
    password: decodeURIComponent(parsed.password),
    db: Number(parsed.pathname.slice(1)),
    // Hosted Redis picks its certificate by SNI, which ioredis leaves out.
    ...(parsed.protocol === 'rediss:' && { tls: isIP(host) === 0 ? { servername: host } : {} })
  } satisfies RedisOptions
}
