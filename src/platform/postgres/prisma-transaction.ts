import { AsyncLocalStorage } from 'node:async_hooks'
import type { Client, ClientBase, Pool, PoolClient } from 'pg'
import { openConnection, undone, type Connection, type ConnectionOptions } from './connection.ts'

/** Runs `work` with a connection that is of use to it alone, and only until it ends. */
export async function lendConnection<T>(
  client: Client,
  options: ConnectionOptions,
  work: (connection: Connection) => Promise<T>
): Promise<T> {
  const { query, close, giveUp, requireNoFailure } = openConnection(client, options)
  try {
    const result = await work({ query })
    await close()
    requireNoFailure()
    requireUnbroken(client)
    return result
  } finally {
    giveUp()
  }
}

const broken = new WeakSet<ClientBase>()

/** Notes failed statements: what the client says of its transaction comes after their errors are told. */
export function noteFailures(client: ClientBase & Pick<Client, 'connection'>): void {
  client.connection.on('errorMessage', () => broken.add(client))
  client.connection.on('readyForQuery', ({ status }: { status: string }) => {
    if (status !== 'E') broken.delete(client)
  })
}

/** After a failed statement a COMMIT is a ROLLBACK that Postgres calls no error, and Prisma sees none either. */
function requireUnbroken(client: ClientBase): void {
  if (broken.has(client)) throw undone()
}

/** Tells on which connection Prisma's transaction runs: it keeps that to itself. */
export function createConnectionWatch(pool: Pool) {
  const watched = new AsyncLocalStorage<{ client: PoolClient | null }>()

  async function connect(): Promise<PoolClient> {
    const client = await pool.connect()
    const holder = watched.getStore()
    if (holder !== undefined) holder.client = client
    return client
  }

  /** The pool for Prisma. Its own `query` connects by itself, outside transactions. */
  const watchedPool = new Proxy(pool, {
    get(target, key) {
      if (key === 'connect') return connect
      const value: unknown = Reflect.get(target, key)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    }
  })

  /** Runs `work`; within it `clientOf` is the client that was connected last. */
  function watch<T>(work: (clientOf: () => PoolClient) => Promise<T>): Promise<T> {
    const holder: { client: PoolClient | null } = { client: null }
    return watched.run(holder, () =>
      work(() => {
        if (holder.client === null) throw new Error('No transaction has begun.')
        return holder.client
      })
    )
  }

  return { watchedPool, watch }
}
