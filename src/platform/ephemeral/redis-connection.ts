import { randomInt } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { Cluster, Redis, type ClusterOptions, type RedisOptions } from 'ioredis'
import {
  parseRedisUrl,
  REDIS_URL_FORMS,
  tlsTo,
  type RedisAddress,
  type RedisNode
} from '../../lib/redis-address.ts'

/** No command takes longer, whatever kind of Redis it goes to: 250 ms are promised (F1), and timers run late. */
export const ANSWER_WITHIN_MS = 200

/** For ever, at most 1.2 s apart; jitter keeps replicas from returning in step. */
const retryDelayMs = (attempt: number) => Math.min(50 * 2 ** attempt, 1000) + Math.random() * 200

/** ioredis' defaults hide an outage: queue, wait, send again. Here every command fails soon instead. */
const NODE_OPTIONS = {
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
  // After a failover the old master may be a replica: look up the name anew.
  reconnectOnError: (error) => error.message.startsWith('READONLY')
} satisfies RedisOptions

const OPTIONS = {
  ...NODE_OPTIONS,
  lazyConnect: true,
  enableOfflineQueue: false,
  retryStrategy: retryDelayMs
} satisfies RedisOptions

/** Failures do not make a cluster's client look where the slots are: it looks by itself, after a failover within a second. */
const LOOK_EVERY_MS = 1000

/** The same of a cluster, whose own queues and second tries come on top of its nodes'. */
const CLUSTER_OPTIONS = {
  lazyConnect: true,
  enableOfflineQueue: false,
  clusterRetryStrategy: retryDelayMs,
  // To where a slot has moved, yes; once more to a node that may have done it already, no.
  maxRedirections: 4,
  retryDelayOnFailover: 0,
  retryDelayOnClusterDown: 0,
  retryDelayOnTryAgain: 50,
  slotsRefreshTimeout: 2 * ANSWER_WITHIN_MS,
  // Names stay names: a certificate is checked against them, and they may move.
  dnsLookup: (host, found) => {
    found(null, host)
  }
} satisfies ClusterOptions

export type Connection = Redis | Cluster

/**
 * Connections that fail within {@link ANSWER_WITHIN_MS} and reconnect for ever. They are opened by `open` below.
 * @throws {TypeError} when `url` is none of Redis, Redis Sentinel or Redis Cluster
 */
export function createConnection(url: string): Connection {
  const address = addressOf(url)
  return address.kind === 'cluster' ? createCluster(address) : createClient(address)
}

/**
 * One more, to listen on. In a cluster that is one node, whichever: each hears what is published at any.
 * It is a connection like all others, for ioredis' own subscriber to a cluster has no timeouts and hammers on dead nodes.
 */
export function createSubscriber(url: string, commands: Connection): Redis {
  const address = addressOf(url)
  if (address.kind !== 'cluster') return createClient(address)
  const next = (): RedisNode => {
    const nodes = commands instanceof Cluster ? nodesOf(commands) : []
    const node = [...nodes, ...address.nodes][randomInt(nodes.length + address.nodes.length)]
    return node ?? address.nodes[0]
  }
  const subscriber = createClient({ ...address, kind: 'single', nodes: [next()], db: 0 })
  subscriber.on('reconnecting', () => {
    const node = next()
    Object.assign(subscriber.options, node, address.tls && { tls: tlsTo(node) })
  })
  return subscriber
}

/** Ready, or known to fail, or 1.5 s later; never throws: reconnecting goes on behind it. */
export async function open(connections: Connection[]): Promise<void> {
  const attempts = connections.map(async (connection) => {
    await connection.connect()
    await Promise.allSettled(mastersOf(connection).map(isOpen))
  })
  await Promise.race([Promise.allSettled(attempts), delay(1500, undefined, { ref: false })])
}

/** Resolves once the socket is gone, {@link ANSWER_WITHIN_MS} after a silent peer was asked. */
export async function shut(connection: Connection): Promise<void> {
  const isConnected = ['connecting', 'connect', 'ready'].includes(connection.status)
  const ended = new Promise<void>((resolve) => connection.once('end', resolve))
  connection.disconnect()
  if (isConnected)
    await Promise.race([ended, delay(2 * ANSWER_WITHIN_MS, undefined, { ref: false })])
}

/** The masters that take writes, each with its connection: one, except in a cluster. */
export function mastersOf(connection: Connection): Redis[] {
  return connection instanceof Cluster ? connection.nodes('master') : [connection]
}

/** @throws when it is not, or when it does not answer in time */
async function isOpen(node: Redis): Promise<void> {
  if (node.status === 'ready') return
  await new Promise<void>((resolve, reject) => {
    node.once('ready', resolve)
    node.once('end', reject)
  })
}

function addressOf(url: string): RedisAddress {
  const address = parseRedisUrl(url)
  if (address === null) throw new TypeError(`the Redis URL must be ${REDIS_URL_FORMS}`)
  return address
}

function createClient(address: Exclude<RedisAddress, { kind: 'cluster' }>): Redis {
  const { username, password, db } = address
  const login = { username, password, db }
  if (address.kind === 'single') {
    const [node] = address.nodes
    return new Redis({ ...node, ...login, ...(address.tls && { tls: tlsTo(node) }), ...OPTIONS })
  }
  const { nodes: sentinels, name, sentinels: door } = address
  return new Redis({
    ...login,
    sentinels,
    name,
    sentinelUsername: door.username,
    sentinelPassword: door.password,
    sentinelCommandTimeout: 2 * ANSWER_WITHIN_MS,
    sentinelRetryStrategy: retryDelayMs,
    // No `failoverDetector`: the news of a failover, while it reconnects already, ends ioredis for good.
    // A connection lost, READONLY and the role that a Redis tells at the start suffice.
    ...(address.tls && { tls: {}, sentinelTLS: {}, enableTLSForSentinelMode: true }),
    ...OPTIONS
  })
}

type SentinelAddress = Extract<RedisAddress, { kind: 'sentinel' }>

/** One of the Sentinels itself. */
export function createSentinel({ sentinels, tls }: SentinelAddress, node: RedisNode): Redis {
  return new Redis({ ...node, ...sentinels, ...(tls && { tls: tlsTo(node) }), ...OPTIONS })
}

function createCluster({ nodes, username, password, tls }: RedisAddress): Cluster {
  const cluster = new Cluster(nodes, {
    ...CLUSTER_OPTIONS,
    redisOptions: { username, password, ...(tls && { tls: {} }), ...NODE_OPTIONS }
  })
  // ioredis connects to a node with its first command, and refuses the second one meanwhile.
  cluster.on('+node', (node: Redis) => {
    if (node.options.readOnly !== true && node.status === 'wait') node.connect().catch(() => {})
  })
  // Not `slotsRefreshInterval`: closed while it looks, that one goes on for ever and holds the process.
  const looking = setInterval(() => {
    if (cluster.status === 'ready') cluster.refreshSlotsCache()
  }, LOOK_EVERY_MS).unref()
  cluster.once('end', () => {
    clearInterval(looking)
  })
  return cluster
}

function nodesOf(cluster: Cluster): RedisNode[] {
  return cluster
    .nodes()
    .map(({ options: { host, port } }) => ({ host: host ?? '', port: port ?? 0 }))
    .filter(({ host, port }) => host !== '' && port !== 0)
}
