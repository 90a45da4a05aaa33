import { PrismaPg } from '@prisma/adapter-pg'
import { Pool, type QueryResultRow } from 'pg'
import { UnavailableError } from '../errors.ts'
import { Prisma, PrismaClient } from './prisma/client.ts'

/** A transaction that several stores write into: the fact, its audit event and its mail commit together. */
export type Transaction = Prisma.TransactionClient

/** One prepared statement: `name` is what Postgres keeps its plan under, per connection. */
export type Statement = { name: string; text: string }

export type Postgres = ReturnType<typeof openPostgres>

export type PostgresOptions = {
  databaseUrl: string
  poolSize: number
  /** Longer than people wait, for what looks at whole tables. */
  queryTimeoutMs?: number
}

/**
 * The one pool. Prisma serves everyday queries from it; a hot statement goes to it directly, named and
 * prepared. Nothing waits for ever: a frozen Postgres is an {@link UnavailableError} within 2 s.
 */
export function openPostgres({ databaseUrl, poolSize, queryTimeoutMs = 1_500 }: PostgresOptions) {
  const pool = new Pool({
    connectionString: databaseUrl,
    max: poolSize,
    connectionTimeoutMillis: 1_000,
    query_timeout: queryTimeoutMs,
    keepAlive: true,
    // The Prisma adapter reads every timestamptz as UTC, whatever the role's TimeZone says.
    // eslint-disable-next-line @typescript-eslint/no-misused-promises -- the pool awaits it, its types do not say so
    onConnect: async (client) => {
      await client.query("SET TimeZone = 'UTC'")
    }
  })
  // An idle connection that dies is replaced at the next query, which is the one that reports.
  pool.on('error', () => undefined)
  const prisma = new PrismaClient({ adapter: new PrismaPg(pool), errorFormat: 'minimal' })

  /** Runs a named statement. `values` follow its $1, $2 … */
  async function query<Row extends QueryResultRow>(
    statement: Statement,
    values: unknown[]
  ): Promise<Row[]> {
    const result = await guard(() => pool.query<Row>({ ...statement, values }))
    return result.rows
  }

  /** One transaction, ended within 5 s: the revocation feed relies on that (its overlap is 10 s). */
  async function transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    return guard(() => prisma.$transaction(work, { maxWait: 1_000, timeout: 5_000 }))
  }

  /** Everyday queries outside a transaction. */
  async function read<T>(work: (client: PrismaClient) => Promise<T>): Promise<T> {
    return guard(() => work(prisma))
  }

  /** Whether Postgres answers now; never throws. */
  async function isReachable(): Promise<boolean> {
    return query({ name: 'ping', text: 'SELECT 1' }, []).then(
      () => true,
      () => false
    )
  }

  async function close(): Promise<void> {
    await prisma.$disconnect()
    await pool.end()
  }

  return { query, transaction, read, isReachable, close }
}

/** Tells "Postgres does not answer" (503, try again) from "this statement is wrong" (500, our fault). */
async function guard<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (isUnavailable(error)) throw new UnavailableError('Postgres does not answer', error)
    throw error
  }
}

/** Connection exceptions, resources, operator intervention, a standby's read-only refusal, lock timeouts. */
const UNAVAILABLE_SQLSTATE = /^(08...|53...|57P..|57014|25006|55P03|40001|40P01)$/
const UNAVAILABLE_SYSTEM = /^(ECONN|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOST|ENET)/
/** Prisma: cannot reach, timed out, connection closed, pool timeout, transaction not started or expired. */
const UNAVAILABLE_PRISMA = /^P(1001|1002|1008|1017|2024|2028|2034)$/
const UNAVAILABLE_MESSAGE =
  /timeout exceeded when trying to connect|Query read timeout|Connection terminated|Client has encountered a connection error|not queryable|^(ConnectionClosed|DatabaseNotReachable|SocketTimeout)$/i

function isUnavailable(error: unknown, depth = 0): boolean {
  if (typeof error !== 'object' || error === null || depth > 5) return false
  if (error instanceof UnavailableError) return false
  const { code, originalCode, message, cause, meta } = error as Layer
  const patterns = [UNAVAILABLE_SQLSTATE, UNAVAILABLE_SYSTEM, UNAVAILABLE_PRISMA]
  const isOne = [code, originalCode].some(
    (text) => typeof text === 'string' && patterns.some((pattern) => pattern.test(text))
  )
  if (isOne || (typeof message === 'string' && UNAVAILABLE_MESSAGE.test(message))) return true
  return [cause, meta?.driverAdapterError].some((beneath) => isUnavailable(beneath, depth + 1))
}

/** Prisma keeps the driver's error as `cause` or in `meta`, and that one what Postgres said as its cause. */
type Layer = {
  code?: unknown
  originalCode?: unknown
  message?: unknown
  cause?: unknown
  meta?: { driverAdapterError?: unknown }
}
