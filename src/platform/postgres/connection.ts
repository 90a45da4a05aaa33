import type { Client, QueryResultRow } from 'pg'
import { UnavailableError } from '../../errors.ts'
import { askTogether, type Answered, type Asked, type Statement } from './statement-batch.ts'

/** One connection, within a transaction that ends with the work. */
export type Connection = {
  /**
   * Runs a named statement. `values` follow its $1, $2 … Within a transaction what is asked in one turn, before the
   * answer of any, goes in one journey and is done in that order; where one fails, all of them have.
   */
  query: <Row extends QueryResultRow>(statement: Statement, values: unknown[]) => Promise<Row[]>
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

export const undone = () => new Error('A statement failed before the end.')

/**
 * A connection that is of use until `close`, or until its time is over. What waits then still goes; after `giveUp`
 * nothing does, for it would come after the ROLLBACK.
 * @param begin goes before what is asked first
 */
export function openConnection(
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
    if (hasFailed) throw undone()
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
