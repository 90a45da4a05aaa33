import { isIP } from 'node:net'

export type RedisNode = { host: string; port: number }

type Login = { username: string; password: string }

/** One Redis, the master that Sentinels know by a name, or a cluster, of which some nodes are named. */
export type RedisAddress = Login & { tls: boolean } & (
    | { kind: 'single'; nodes: [RedisNode]; db: number }
    | {
        kind: 'sentinel'
        nodes: [RedisNode, ...RedisNode[]]
        db: number
        name: string
        sentinels: Login
      }
    | { kind: 'cluster'; nodes: [RedisNode, ...RedisNode[]] }
  )

/** What a URL must look like, for messages. */
export const REDIS_URL_FORMS =
  'a URL such as rediss://user:password@host:6379/0, redis-sentinel://user:password@host:26379,host:26379/name or redis-cluster://user:password@host:6379,host:6379'

const URL_FORM =
  /^(?<scheme>rediss?)(?:-(?<kind>sentinel|cluster))?:\/\/(?:(?<login>[^@/?#]*)@)?(?<hosts>[^@/?#]+)(?:\/(?<path>[^?#]*))?(?:\?(?<query>[^#]*))?$/i

const PORTS = { single: 6379, sentinel: 26_379, cluster: 6379 }
const NO_LOGIN: Login = { username: '', password: '' }

/**
 * Reads a URL of Redis, Redis Sentinel or Redis Cluster; the schemes are those of Lettuce and other
 * clients. Read here and not by ioredis: what it takes from a query would override our timeouts.
 * @returns null, never a throw, for anything else
 */
export function parseRedisUrl(url: string): RedisAddress | null {
  const parts: Record<string, string | undefined> | undefined = URL_FORM.exec(url)?.groups
  if (parts === undefined) return null
  const { scheme = '', login = '', path = '', query } = parts
  const kind = (parts['kind']?.toLowerCase() ?? 'single') as RedisAddress['kind']
  const nodes = (parts['hosts'] ?? '').split(',').map((text) => readNode(text, PORTS[kind]))
  const credentials = readLogin(login)
  if (!isWhole(nodes) || credentials === null) return null
  const common = { ...credentials, tls: scheme.toLowerCase() === 'rediss' }
  if (kind === 'sentinel') {
    const rest = readSentinelRest(path, new URLSearchParams(query))
    return rest === null ? null : { kind, nodes, ...common, ...rest }
  }
  if (query !== undefined) return null
  if (kind === 'cluster') return path === '' ? { kind, nodes, ...common } : null
  const [node] = nodes
  if (nodes.length > 1 || !/^\d{0,9}$/.test(path)) return null
  return { kind, nodes: [node], db: Number(path), ...common }
}

/** Behind the hosts of Sentinels: the name of the master, the database, and how the Sentinels let us in. */
function readSentinelRest(path: string, query: URLSearchParams) {
  const name = decoded(path)
  const { db = '0', sentinelUsername, sentinelPassword, ...unknown } = Object.fromEntries(query)
  if (name === null || !/^[\w.-]{1,100}$/.test(name) || !/^\d{1,9}$/.test(db)) return null
  if (Object.keys(unknown).length > 0) return null
  const sentinels = { username: sentinelUsername ?? '', password: sentinelPassword ?? '' }
  return { name, db: Number(db), sentinels }
}

function readNode(text: string, defaultPort: number): RedisNode | null {
  const parsed = URL.parse(`redis://${text}`)
  const isNode =
    parsed !== null && parsed.hostname !== '' && /^[\w.-]+$|^\[.+\]$/.test(parsed.hostname)
  if (!isNode) return null
  const host = parsed.hostname.replace(/^\[|\]$/g, '')
  return { host, port: parsed.port === '' ? defaultPort : Number(parsed.port) }
}

function isWhole(nodes: (RedisNode | null)[]): nodes is [RedisNode, ...RedisNode[]] {
  return nodes.every((node) => node !== null)
}

function readLogin(text: string): Login | null {
  if (text === '') return NO_LOGIN
  const [username = '', ...rest] = text.split(':')
  const login = { username: decoded(username), password: decoded(rest.join(':')) }
  return login.username === null || login.password === null ? null : (login as Login)
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}

/** Hosted Redis picks its certificate by SNI, which ioredis leaves out. */
export function tlsTo({ host }: RedisNode): { servername?: string } {
  return isIP(host) === 0 ? { servername: host } : {}
}
