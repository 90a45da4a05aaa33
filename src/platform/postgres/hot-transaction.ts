import type { Pool } from 'pg'
import { UnavailableError } from '../../errors.ts'
import { openConnection, undone, type Connection, type ConnectionOptions } from './connection.ts'
import type { Answered, Asked, Statement } from './statement-batch.ts'

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
  const { query, ask, hasAsked, requireNoFailure, close, giveUp } = openConnection(
    client,
    options,
    [BEGIN]
  )
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
    clearTimeout(timer)
    client.off('error', ignore)
    client.release()
  }
}

/** After a failed statement a COMMIT is a ROLLBACK that Postgres calls no error: it must not pass for done. */
function requireDone(committed: Answered | undefined): void {
  if (committed?.command !== 'COMMIT') throw undone()
}
