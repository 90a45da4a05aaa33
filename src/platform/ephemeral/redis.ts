import { Cluster, ReplyError } from 'ioredis'
import { within } from '../within.ts'
import { createListeners } from './listeners.ts'
import {
  ANSWER_WITHIN_MS,
  createConnection,
  createSubscriber,
  mastersOf,
  open,
  shut,
  type Connection
} from './redis-connection.ts'
import { EphemeralUnavailable, checkDuration, type EphemeralStore, type OnFault } from './store.ts'

export type RedisStoreOptions = {
  /** Of one Redis, of Sentinels or of a cluster. */
  url: string
  /** Stands before every key and channel, so that several installations can share one Redis. */
  keyPrefix?: string
  onFault?: OnFault
}

const FAULT_EVERY_MS = 10_000
const HEARTBEAT_EVERY_MS = 1000

/**
 * Count and expiry are one step, so no crash leaves a counter that never ends, and one that lost its
 * expiry by other means gets it back. One key only: two would need a common hash tag in a cluster.
 */
const COUNT = `
local count = redis.call('INCR', KEYS[1])
local ttl = redis.call('PTTL', KEYS[1])
if ttl < 0 then
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
  ttl = tonumber(ARGV[1])
end
return { count, ttl }`

/**
 * The ephemeral store that replicas share. Resolves within about 1.5 s, whether Redis is there or not.
 * @throws {TypeError} when `url` is none
 */
export async function createRedisStore({
  url,
  keyPrefix = 'latchkey:',
  onFault = () => {}
}: RedisStoreOptions): Promise<EphemeralStore> {
  const commands = createConnection(url)
  const subscriber = createSubscriber(url, commands) // of its own: RESP2 allows it nothing else
  let closed = false

  const report = rateLimited((error) => {
    if (!closed) onFault(error)
  })
  const listeners = createListeners(report)
  const channelPrefix = `${keyPrefix}channel:`

  async function attempt<T>(verb: string, command: () => Promise<T>): Promise<T> {
    try {
      return await inTime(command())
    } catch (error) {
      const unavailable = new EphemeralUnavailable(verb, withoutArguments(error))
      report(unavailable)
      throw unavailable
    }
  }

  /**
   * Brings Redis in line with `listeners`. It runs on every new connection and every second, for a
   * subscriber never writes and would not notice that its peer is gone.
   */
  async function subscribe(): Promise<void> {
    if (subscriber.status !== 'ready') return
    const channels = listeners.channels().map((channel) => channelPrefix + channel)
    await orReconnect(channels.length === 0 ? subscriber.ping() : subscriber.subscribe(...channels))
  }

  async function orReconnect(command: Promise<unknown>): Promise<void> {
    await command.catch((error: unknown) => {
      report(new EphemeralUnavailable('listen', withoutArguments(error)))
      const isSilent = !(error instanceof ReplyError)
      if (isSilent && !closed && subscriber.status === 'ready') subscriber.disconnect(true)
    })
  }

  const reportFault = (error: Error) => {
    report(withoutArguments(error))
  }
  commands.on('error', reportFault)
  subscriber.on('error', reportFault)
  commands.on('node error', reportFault)
  subscriber.on('ready', () => void subscribe())
  subscriber.on('message', (channel: string, message: string) => {
    listeners.deliver(channel.slice(channelPrefix.length), message)
  })
  await open([commands, subscriber])
  const heartbeat = setInterval(() => void subscribe(), HEARTBEAT_EVERY_MS).unref()

  return {
    kind: 'redis',

    async count(key, windowMs) {
      checkDuration(windowMs)
      const name = `${keyPrefix}count:${key}`
      const reply = await attempt('count', () => commands.eval(COUNT, 1, name, windowMs))
      const [count, ttlMs] = reply as [number, number]
      return { count, resetsInMs: Math.max(1, ttlMs) }
    },

    async counted(key) {
      return Number(await attempt('counted', () => commands.get(`${keyPrefix}count:${key}`)))
    },

    async setIfAbsent(key, ttlMs) {
      checkDuration(ttlMs)
      const name = `${keyPrefix}once:${key}`
      const reply = await attempt('setIfAbsent', () => commands.set(name, '1', 'PX', ttlMs, 'NX'))
      return reply === 'OK'
    },

    async announce(channel, message) {
      await attempt('announce', () => commands.publish(channelPrefix + channel, message))
    },

    async listen(channel, onMessage) {
      if (closed) throw new EphemeralUnavailable('listen', new Error('the store is closed'))
      const remove = listeners.add(channel, onMessage)
      await subscribe()
      return async () => {
        const wasLast = remove()
        if (!wasLast || subscriber.status !== 'ready') return
        await orReconnect(subscriber.unsubscribe(channelPrefix + channel))
      }
    },

    async isReachable() {
      return inTime(lookAround(commands)).then(
        () => true,
        () => false
      )
    },

    async close() {
      closed = true
      clearInterval(heartbeat)
      listeners.clear()
      await Promise.all([shut(commands), shut(subscriber)])
    }
  }
}

/** In a cluster a command may go on to another node, and each hop has its own limit. */
function inTime<T>(work: Promise<T>): Promise<T> {
  return within(work, ANSWER_WITHIN_MS, () => new Error('Command timed out'))
}

/** @throws where a master does not answer, or a cluster lacks one */
async function lookAround(commands: Connection): Promise<void> {
  const masters = mastersOf(commands)
  await Promise.all(masters.map((master) => master.ping()))
  if (!(commands instanceof Cluster)) return
  const info = await commands.cluster('INFO')
  if (masters.length === 0 || !/^cluster_state:ok\r?$/m.test(info))
    throw new Error('Cluster is down')
}

function rateLimited(onFault: OnFault): OnFault {
  let nextAtMs = -Infinity
  return (error) => {
    if (performance.now() < nextAtMs) return
    nextAtMs = performance.now() + FAULT_EVERY_MS
    onFault(error)
  }
}

/** ioredis hangs the failed command on the error: for a refused login, that is the password. */
function withoutArguments(error: unknown): Error {
  if (!(error instanceof Error)) return new Error(String(error))
  if ('command' in error) delete error.command
  if ('lastNodeError' in error) withoutArguments(error.lastNodeError)
  return error
}
