import { AsyncLocalStorage } from 'node:async_hooks'
import type { Client, ClientBase, Pool, PoolClient, QueryResultRow } from 'pg'
import { UnavailableError } from '../../errors.ts'
import { askTogether, type Answered, type Asked, type Statement } from './statement-batch.ts'

export type { Statement } from './statement-batch.ts'

/** One connection, within a transaction that ends with the work. */
export type Connection = {
  /**
   * Runs a named statement. `values` follow its $1, $2 … Within a transaction what is asked in one turn, before the
   * answer of any, goes in one journey and is done in that order; where one fails, all of them have.
   */
  query: <Row extends QueryResultRow>(statement: Statement, values: unknown[]) => Promise<Row[]>
}

/** A transaction on the driver alone. */
export type HotTransaction = Connection & {
  /** Runs a statement as the last thing, in one journey with the COMMIT. What it locks is held for that long only. */
  atEnd: (statement: Statement, values: unknown[]) => void
}

/** For those who ask for what gives no rows: they ask it at the end. */
export function endOf({ atEnd }: HotTransaction): Connection {
  return {
    query(statement, values) {
      atEnd(statement, values)
      return Promise.resolve([])
    }
  }
}

export type ConnectionOptions = {
  /** Off where a pooler gives each transaction another connection. */
  namedStatements: boolean
  /** From then on nothing is asked any more: the transaction is over, and the connection may be somebody else's. */
  limitMs: number
}

type Waiting = Asked & {
  resolve: (rows: QueryResultRow[]) => void
  reject: (error: unknown) => void
}

/**
 * A connection that is of use until `close`, or until its time is over. What waits then still goes; after `giveUp`
 * nothing does, for it would come after the ROLLBACK.
 * @param begin goes before what is asked first
 */
function openConnection(
  client: Client,
  { namedStatements, limitMs }: ConnectionOptions,
  begin: Asked[] = []
) {
  const overAtMs = performance.now() + limitMs
  let isOpen = true
  let isGivenUp = false
  let before = begin
  let hasAsked = false
  let hasFailed = false
  let waiting: Waiting[] = []
  let underWay = Promise.resolve()

  const isOver = () => performance.now() >= overAtMs
  const over = () => new UnavailableError('the transaction is over')

  function query<Row extends QueryResultRow>(
    statement: Statement,
    values: unknown[]
  ): Promise<Row[]> {
    if (!isOpen || isOver()) return Promise.reject(over())
    return new Promise<QueryResultRow[]>((resolve, reject) => {
      if (waiting.length === 0) underWay = underWay.then(askWaiting)
      waiting.push({ statement, values, resolve, reject })
    }) as Promise<Row[]>
  }

  async function askWaiting(): Promise<void> {
    const asked = waiting
    waiting = []
    try {
      if (isGivenUp || isOver()) throw over()
      const answers = await ask(asked)
      for (const [at, { resolve }] of asked.entries()) resolve(answers[at]?.rows ?? [])
    } catch (error) {
      for (const { reject } of asked) reject(error)
    }
  }

  async function ask(asked: Asked[]): Promise<Answered[]> {
    hasAsked = true
    const { length } = before
    try {
      const answers = await askTogether(client, [...before, ...asked], namedStatements)
      before = []
      return answers.slice(length)
    } catch (error) {
      hasFailed = true
      throw error
    }
  }

  /** What failed without Postgres knowing, as a value that is none, is no less undone: it must not pass for done. */
  function requireNoFailure(): void {
    if (hasFailed) throw new Error('A statement failed before the end.')
  }

  return {
    query,
    ask,
    hasAsked: () => hasAsked,
    requireNoFailure,
    /** Nothing is asked any more; what was asked has been answered. */
    close: async () => {
      isOpen = false
      await underWay
    },
    giveUp: () => {
      isOpen = false
      isGivenUp = true
    }
  }
}

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

const BEGIN = { statement: { name: 'transaction_begin', text: 'BEGIN' }, values: [] }
const COMMIT = { statement: { name: 'transaction_commit', text: 'COMMIT' }, values: [] }

/**
 * A transaction on the driver alone: a fifth of what Prisma's takes of the main thread. It begins with its first
 * statement. What was not committed after `limitMs` never will be: its connection is closed.
 */
export async function runOnConnection<T>(
  pool: Pool,
  work: (tx: HotTransaction) => Promise<T>,
  options: ConnectionOptions
): Promise<T> {
  const client = await pool.connect()
  // A connection that breaks between two statements says so here; the next statement fails with it.
  const ignore = () => undefined
  client.on('error', ignore)
  const limit = { isOver: false }
  const timer = setTimeout(() => {
    limit.isOver = true
    void client.end()
  }, options.limitMs)
  const opened = openConnection(client, options, [BEGIN])
  const { query, ask, hasAsked, requireNoFailure, close, giveUp } = opened
  const last: Asked[] = []
  const atEnd = (statement: Statement, values: unknown[]) => {
    last.push({ statement, values })
  }
  try {
    const result = await work({ query, atEnd })
    await close()
    if (limit.isOver) throw new UnavailableError('the transaction took too long')
    requireNoFailure()
    if (hasAsked() || last.length > 0) requireDone((await ask([...last, COMMIT])).at(-1))
    return result
  } catch (error) {
    giveUp()
    // Whether it had begun the client may not know yet: what it says comes after an error is told.
    if (hasAsked()) await client.query('ROLLBACK').catch(ignore)
    throw limit.isOver ? new UnavailableError('the transaction took too long', error) : error
  } finally {
    giveUp()
    clearTimeout(timer)
    client.off('error', ignore)
    client.release()
  }
}

/** After a failed statement a COMMIT is a ROLLBACK that Postgres calls no error: it must not pass for done. */
function requireDone(committed: Answered | undefined): void {
  if (committed?.command !== 'COMMIT') throw new Error('A statement failed before the end.')
}

const broken = new WeakSet<ClientBase>()

/** Notes failed statements: what the client says of its transaction comes after their errors are told. */
export function noteFailures(client: ClientBase & Pick<Client, 'connection'>): void {
  client.connection.on('errorMessage', () => broken.add(client))
  client.connection.on('readyForQuery', ({ status }: { status: string }) => {
    if (status !== 'E') broken.delete(client)
  })
}

/** Prisma's COMMIT, likewise. */
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
