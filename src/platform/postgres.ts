import { PrismaPg } from '@prisma/adapter-pg'
import type { QueryResultRow } from 'pg'
import { UnavailableError } from '../errors.ts'
import type { ObserveQuery, PoolState, QueryKind } from './postgres/query-metrics.ts'
import { connectionSettings } from './postgres/connection-settings.ts'
import type { Connection } from './postgres/connection.ts'
import { faultOf } from './postgres/faults.ts'
import { runOnConnection, type HotTransaction } from './postgres/hot-transaction.ts'
import { discardIdle, openPrimaryPool } from './postgres/primary-pool.ts'
import { createConnectionWatch, lendConnection } from './postgres/prisma-transaction.ts'
import { withRetry } from './postgres/retry.ts'
import { StatementBatch, type Statement } from './postgres/statement-batch.ts'
import { createStatementNames, tryStatementNames } from './postgres/statement-names.ts'
import { Prisma, PrismaClient } from './prisma/client.ts'
import { within } from './within.ts'

export type { Connection } from './postgres/connection.ts'
export { endOf, type HotTransaction } from './postgres/hot-transaction.ts'
export type { Statement } from './postgres/statement-batch.ts'

/** A transaction that several stores write into: the fact, its audit event and its mail commit together. */
export type Transaction = Prisma.TransactionClient & Connection

export type Postgres = ReturnType<typeof openPostgres>

export type PostgresOptions = {
  databaseUrl: string
  poolSize: number
  /** For what looks at whole tables: longer than people wait. */
  queryTimeoutMs?: number
  /** For what looks at whole tables: they may be read through. */
  readsTablesThrough?: boolean
  /** Off where a pooler gives each transaction another connection. */
  namedStatements?: boolean
  /** Told when something is tried again. */
  onRetry?: () => void
  observe?: ObserveQuery
}

/** What a statement may take beyond its own limit, in the pool's queue and for a new connection. */
const GRACE_MS = 200
/** Of any transaction, from BEGIN to COMMIT. */
const TRANSACTION_MS = 5_000
/** Prisma rolls back by a timer of its own while the work goes on: what we ask must never come after that. */
const ROLLBACK_MARGIN_MS = 500

/**
 * The one pool. Prisma serves everyday queries from it; a hot statement goes to it directly, named and
 * prepared. Nothing waits for ever: a frozen Postgres is an `UnavailableError` within 2 s. Whatever
 * Postgres rolled back to let somebody else pass is tried again.
 */
export function openPostgres(options: PostgresOptions) {
  const { databaseUrl, poolSize, queryTimeoutMs = 1_500, namedStatements = true } = options
  const { observe = () => undefined, readsTablesThrough = false } = options
  const pool = openPrimaryPool({
    databaseUrl,
    max: poolSize,
    connectionTimeoutMillis: 1_000,
    query_timeout: queryTimeoutMs,
    keepAlive: true,
    onConnect: (client) => client.query(connectionSettings({ namedStatements, readsTablesThrough }))
  })
  const statementNameGenerator = namedStatements ? createStatementNames() : undefined
  const { watchedPool, watch } = createConnectionWatch(pool)
  let client: PrismaClient | undefined
  /** Made by the first everyday query: its model and compiler take 130 ms and 40 MiB. */
  const prisma = (): PrismaClient =>
    (client ??= new PrismaClient({
      adapter: new PrismaPg(watchedPool, {
        ...(statementNameGenerator && { statementNameGenerator })
      }),
      errorFormat: 'minimal'
    }))
  const retryOptions = { onReadOnly: () => discardIdle(pool), onRetry: options.onRetry }

  /** Waiting for a place in the pool, for the connection and for the answer: each has its limit, and so has the sum. */
  function inTime<T>(work: Promise<T>): Promise<T> {
    const tooLate = () => new UnavailableError('Postgres does not answer in time')
    return within(work, queryTimeoutMs + GRACE_MS, tooLate)
  }

  /** A transaction fails with its connection: nobody waits for a ROLLBACK where nothing is answered any more. */
  async function endedWhenLost<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    return watch(
      (clientOf) =>
        new Promise((resolve, reject) => {
          const watched = async (tx: Prisma.TransactionClient) => {
            const lent = { namedStatements, limitMs: TRANSACTION_MS - ROLLBACK_MARGIN_MS }
            try {
              return await lendConnection(clientOf(), lent, (connection) =>
                work(withConnection(tx, connection))
              )
            } catch (error) {
              if (faultOf(error) === 'unavailable') {
                reject(new UnavailableError('Postgres does not answer', error))
              }
              throw error
            }
          }
          prisma()
            .$transaction(watched, { maxWait: 1_000, timeout: TRANSACTION_MS })
            .then(resolve, reject)
        })
    )
  }

  /** Runs a named statement. `values` follow its $1, $2 … */
  async function query<Row extends QueryResultRow>(
    statement: Statement,
    values: unknown[]
  ): Promise<Row[]> {
    const { answers } = await guard('statement', () => {
      const batch: unknown = pool.query(
        new StatementBatch([{ statement, values }], namedStatements)
      )
      return inTime(batch as Promise<StatementBatch>)
    })
    return (answers[0]?.rows ?? []) as Row[]
  }

  /**
   * One transaction, ended within 5 s: the revocation feed relies on that (its overlap is 10 s).
   * @param work may run again from its start, so it does nothing that lasts but by `tx`
   */
  async function transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    return guard('transaction', () => endedWhenLost(work))
  }

  /**
   * The same for what happens all the time: on the driver alone, by named statements.
   * @param work may run again from its start, as in {@link transaction}
   */
  async function hotTransaction<T>(work: (tx: HotTransaction) => Promise<T>): Promise<T> {
    const options = { namedStatements, limitMs: TRANSACTION_MS }
    return guard('transaction', () => runOnConnection(pool, work, options))
  }

  /** Everyday queries outside a transaction. `work` may run again: one statement, or reads. */
  async function read<T>(work: (client: PrismaClient) => Promise<T>): Promise<T> {
    return guard('query', () => inTime(work(prisma())))
  }

  /** @throws {StatementNamesError} behind a pooler that does not keep them apart, with what to set */
  async function requireNamedStatements(): Promise<void> {
    if (namedStatements) await guard('statement', () => tryStatementNames(pool))
  }

  /** Whether Postgres answers now; never throws. */
  async function isReachable(): Promise<boolean> {
    return query({ name: 'ping', text: 'SELECT 1' }, []).then(
      () => true,
      () => false
    )
  }

  async function close(): Promise<void> {
    await client?.$disconnect()
    await pool.end()
  }

  /** Tries again what may be, and tells how long it took and whether Postgres answered. */
  async function guard<T>(kind: QueryKind, work: () => Promise<T>): Promise<T> {
    const startedAtMs = performance.now()
    let isAnswered = true
    try {
      return await withRetry(work, retryOptions)
    } catch (error) {
      isAnswered = !(error instanceof UnavailableError)
      throw error
    } finally {
      observe(kind, (performance.now() - startedAtMs) / 1_000, isAnswered)
    }
  }

  const poolState = (): PoolState => ({
    total: pool.totalCount,
    idle: pool.idleCount,
    waiting: pool.waitingCount,
    max: poolSize
  })

  return {
    query,
    transaction,
    hotTransaction,
    read,
    requireNamedStatements,
    isReachable,
    poolState,
    close
  }
}

function withConnection(tx: Prisma.TransactionClient, { query }: Connection): Transaction {
  return new Proxy(tx, {
    get: (target, key) => (key === 'query' ? query : (Reflect.get(target, key) as unknown))
  }) as Transaction
}
