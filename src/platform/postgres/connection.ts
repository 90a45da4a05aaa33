import { AsyncLocalStorage } from 'node:async_hooks'
import type { Client, ClientBase, Pool, PoolClient, QueryResultRow } from 'pg'
import { UnavailableError } from '../../errors.ts'
import { askByName } from './named-query.ts'

/** One prepared statement: `name` is what Postgres keeps its plan under, per connection. */
export type Statement = { name: string; text: string }

/** One connection, within a transaction that ends with the work. */
export type Connection = {
  /** Runs a named statement. `values` follow its $1, $2 … */
  query: <Row extends QueryResultRow>(statement: Statement, values: unknown[]) => Promise<Row[]>
}

export type ConnectionOptions = {
  /** Off where a pooler gives each transaction another connection. */
  namedStatements: boolean
  /** From then on nothing is asked any more: the transaction is over, and the connection may be somebody else's. */
  limitMs: number
}

/** Runs `work` with a connection that is of use to it alone, and only until it ends. */
export async function lendConnection<T>(
  client: PoolClient,
  { namedStatements, limitMs }: ConnectionOptions,
  work: (connection: Connection) => Promise<T>
): Promise<T> {
  let endsAtMs = performance.now() + limitMs
  async function query<Row extends QueryResultRow>(statement: Statement, values: unknown[]) {
    if (performance.now() >= endsAtMs) throw new UnavailableError('the transaction is over')
    if (namedStatements) return askByName<Row>(client, statement, values)
    return (await client.query<Row>({ text: statement.text, values })).rows
  }
  try {
    const result = await work({ query })
    requireUnbroken(client)
    return result
  } finally {
    endsAtMs = 0
  }
}

/**
 * A transaction on the driver alone: a fifth of what Prisma's takes of the main thread. What was not committed
 * after `limitMs` never will be: its connection is closed.
 */
export async function runOnConnection<T>(
  pool: Pool,
  work: (client: PoolClient) => Promise<T>,
  limitMs: number
): Promise<T> {
  const client = await pool.connect()
  // A connection that breaks between two statements says so here; the next statement fails with it.
  const ignore = () => undefined
  client.on('error', ignore)
  const limit = { isOver: false }
  const timer = setTimeout(() => {
    limit.isOver = true
    void client.end()
  }, limitMs)
  try {
    await client.query('BEGIN')
    const result = await work(client)
    if (limit.isOver) throw new UnavailableError('the transaction took too long')
    await client.query('COMMIT')
    return result
  } catch (error) {
    if (client.getTransactionStatus() !== 'I') await client.query('ROLLBACK').catch(ignore)
    throw limit.isOver ? new UnavailableError('the transaction took too long', error) : error
  } finally {
    clearTimeout(timer)
    client.off('error', ignore)
    client.release()
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

/** After a failed statement a COMMIT is a ROLLBACK that Postgres calls no error: it must not pass for done. */
function requireUnbroken(client: ClientBase): void {
  if (broken.has(client)) throw new Error('A statement failed before the end.')
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
