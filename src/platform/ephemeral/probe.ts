import { Cluster, Redis } from 'ioredis'
import { parseRedisUrl } from '../../lib/redis-address.ts'
import { createConnection, createSentinel, mastersOf, open, shut } from './redis-connection.ts'

/** What a Redis, or the masters of several, say of themselves. */
export type RedisState =
  | {
      isUp: true
      masters: { evictionPolicy: string; maxMemoryBytes: number }[]
      /** Sentinels that do not answer or do not know the master, as host:port. */
      lostSentinels: string[]
    }
  /** `code` is the system's or the first word of Redis' own refusal. */
  | { isUp: false; code: string }

/** Asks a Redis once. Never throws. */
export async function probeRedis(url: string): Promise<RedisState> {
  const connection = createConnection(url)
  let fault: unknown
  const note = (error: unknown) => {
    fault ??= error
  }
  for (const event of ['error', 'node error', 'sentinelError']) connection.on(event, note)
  try {
    await open([connection])
    if (connection instanceof Cluster) await checkSlots(connection)
    const masters = await Promise.all(mastersOf(connection).map(lookAt))
    return { isUp: true, masters, lostSentinels: await findLostSentinels(url) }
  } catch (error) {
    return { isUp: false, code: codeOf(fault ?? error) }
  } finally {
    await shut(connection)
  }
}

async function lookAt(master: Redis) {
  const text = await master.info('memory')
  const value = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(text)?.[1] ?? ''
  return {
    evictionPolicy: value('maxmemory_policy'),
    maxMemoryBytes: Number(value('maxmemory'))
  }
}

/** @throws where a slot has no master */
async function checkSlots(cluster: Cluster): Promise<void> {
  const info = await cluster.cluster('INFO')
  if (!/^cluster_state:ok\r?$/m.test(info)) throw new Error('CLUSTERDOWN')
}

async function findLostSentinels(url: string): Promise<string[]> {
  const address = parseRedisUrl(url)
  if (address?.kind !== 'sentinel') return []
  const isKnowing = await Promise.all(
    address.nodes.map(async (node) => {
      const sentinel = createSentinel(address, node)
      sentinel.on('error', () => {})
      try {
        await open([sentinel])
        return Array.isArray(
          await sentinel.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', address.name)
        )
      } catch {
        return false
      } finally {
        await shut(sentinel)
      }
    })
  )
  return address.nodes
    .filter((_node, i) => isKnowing[i] === false)
    .map(({ host, port }) => `${host}:${port}`)
}

function codeOf(error: unknown): string {
  const { code, message, lastNodeError } = error as Record<string, unknown>
  if (typeof code === 'string') return code
  const refusal = /\b(?:E[A-Z]{5,}|[A-Z]{4,})\b/.exec(String(message))?.[0]
  return refusal ?? (lastNodeError instanceof Error ? codeOf(lastNodeError) : 'no answer')
}
