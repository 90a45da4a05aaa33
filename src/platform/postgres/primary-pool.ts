import {
  Client,
  Pool,
  type ClientBase,
  type ClientConfig,
  type PoolClient,
  type PoolConfig
} from 'pg'
import { hostsOf } from '../../lib/postgres-hosts.ts'
import { noteFailures } from './prisma-transaction.ts'
import { endOnTimeout } from './statement-batch.ts'

export type PrimaryPoolOptions = Omit<PoolConfig, 'connectionString' | 'Client' | 'onConnect'> & {
  /** One host, or several of one streaming set: the one that writes is found. */
  databaseUrl: string
  /** How long a connection may take, the tries at other hosts included. */
  connectionTimeoutMillis: number
  /** Run on every new connection. */
  onConnect?: (client: ClientBase) => Promise<unknown>
}

type Connected = (error: Error | null, client?: Client) => void
type Acquired = (error: Error | undefined, client?: PoolClient, release?: () => void) => void

/**
 * A pool to the primary. Of several hosts it uses the first that writes, and turns to the next one when that
 * breaks or becomes a standby. A host that was left behind by a failover (its timeline is older than one that
 * was seen) is used no more, whatever it says of itself.
 */
export function openPrimaryPool({ databaseUrl, onConnect, ...options }: PrimaryPoolOptions) {
  const urls = hostsOf(databaseUrl)
  const hasChoice = urls.length > 1
  let current = 0
  let newest: Origin | null = null
  const hostNumbers = new WeakMap<object, number>()
  const origins = new WeakMap<object, Origin>()

  /** Whoever finds a host wanting turns away from it; a hundred who find so at once do it once. */
  const leave = (host: number) => {
    if (current === host) current = (host + 1) % urls.length
  }

  class HostClient extends Client {
    constructor(config?: string | ClientConfig) {
      super({ ...(config as ClientConfig), connectionString: urls[current] })
      hostNumbers.set(this, current)
      refuseUnreplicated(this)
      watchTimeouts(this)
      noteFailures(this)
    }

    override connect(): Promise<Client>
    override connect(callback: Connected): void
    override connect(callback?: Connected): Promise<Client> | undefined {
      const hostNumber = hostNumbers.get(this) ?? current
      const connected = super.connect().catch((error: unknown) => {
        leave(hostNumber)
        throw error
      })
      if (callback === undefined) return connected
      connected.then(
        (client) => {
          callback(null, client)
        },
        (error: unknown) => {
          callback(error as Error)
        }
      )
      return undefined
    }
  }

  /** @throws what says that this is not the primary: nothing was written, another one may be asked */
  async function requirePrimary(client: ClientBase): Promise<void> {
    const { rows } = await client.query<Origin & { isReadOnly: boolean }>(WHO)
    const [origin] = rows
    if (origin === undefined || origin.isReadOnly || isBehind(origin, newest)) {
      leave(hostNumbers.get(client) ?? current)
      throw new NotPrimaryError()
    }
    newest = origin
    origins.set(client, origin)
  }

  class PrimaryPool extends Pool {
    // Every use of the pool comes through here: its own `query`, and Prisma's.
    override connect(): Promise<PoolClient>
    override connect(callback: Acquired): void
    override connect(callback?: Acquired): Promise<PoolClient> | undefined {
      const acquired = acquire(() => super.connect())
      if (callback === undefined) return acquired
      acquired.then(
        (client) => {
          callback(undefined, client, client.release.bind(client))
        },
        (error: unknown) => {
          callback(error as Error)
        }
      )
      return undefined
    }
  }

  /** A failure to connect has done nothing, so it is tried again, at the next host, as long as there is time. */
  async function acquire(connect: () => Promise<PoolClient>): Promise<PoolClient> {
    const startedAtMs = performance.now()
    for (let attempt = 1; ; attempt += 1) {
      const host = current
      try {
        const client = await connect()
        if (!isBehind(origins.get(client) ?? null, newest)) return client
        client.release(true)
      } catch (error) {
        const isOver = performance.now() - startedAtMs >= options.connectionTimeoutMillis
        if (isOver || attempt >= urls.length || current === host) throw error
      }
    }
  }

  const pool = new (hasChoice ? PrimaryPool : Pool)({
    ...options,
    Client: HostClient,
    // eslint-disable-next-line @typescript-eslint/no-misused-promises -- the pool awaits it, its types do not say so
    onConnect: async (client) => {
      if (hasChoice) await requirePrimary(client)
      await onConnect?.(client)
    }
  })
  // A statement that ran into its time limit goes on over there: its connection is not for the next one.
  pool.on('release', (_error, client) => {
    if (client.getTransactionStatus() !== 'I') void client.end()
  })
  // An idle connection that dies is replaced at the next query, which is the one that reports.
  pool.on('error', () => undefined)
  return pool
}

/** Where a connection leads: which cluster, and which of the histories that it may have. */
type Origin = { system: string; timeline: string }

/** A standby has no position to write at. `transaction_read_only` is also how a primary is told to stop writing. */
const WHO = `
  SELECT system_identifier::text AS system,
         pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on' AS "isReadOnly",
         CASE WHEN pg_is_in_recovery() THEN ''
              ELSE left(pg_walfile_name(pg_current_wal_lsn()), 8) END AS timeline
    FROM pg_control_system()`

/** A promotion begins a new timeline, so whoever still writes on an older one was left behind. */
function isBehind(origin: Origin | null, newest: Origin | null): boolean {
  if (origin === null || newest === null || origin.system !== newest.system) return false
  return origin.timeline < newest.timeline
}

class NotPrimaryError extends Error {
  override readonly name = 'NotPrimaryError'
  readonly code = '25006'
}

/**
 * When somebody cancels a commit that waits for the synchronous standby, Postgres says "done" with a warning: it
 * is on one machine alone. That is no answer to give to people, so the connection counts as broken.
 */
function refuseUnreplicated(client: Client): void {
  client.on('notice', ({ routine }) => {
    if (routine !== 'SyncRepWaitForLSN') return
    client.connection.emit('error', new Error('Connection terminated before its standby answered'))
  })
}

/** The pool's own statements, and Prisma's. */
function watchTimeouts(client: Client): void {
  const query = client.query.bind(client) as (...args: unknown[]) => unknown
  const queryAndEnd = (...args: unknown[]) => {
    const result = query(...args)
    if (result instanceof Promise) {
      result.catch((error: unknown) => {
        endOnTimeout(client, error)
      })
    }
    return result
  }
  Object.defineProperty(client, 'query', { value: queryAndEnd })
}

/** Closes what lies idle: it leads to a server that refuses to write. */
export async function discardIdle(pool: Pool): Promise<void> {
  const idle = Array.from({ length: pool.idleCount }, async () => {
    const client = await pool.connect()
    client.release(true)
  })
  await Promise.allSettled(idle)
}
