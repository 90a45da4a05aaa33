import pg, { type Client, type Connection, type FieldDef, type QueryResultRow } from 'pg'

/** One prepared statement: `name` is what Postgres keeps its plan under, per connection. */
export type Statement = { name: string; text: string }

/** A statement and what follows its $1, $2 … */
export type Asked = { statement: Statement; values: unknown[] }

/** What a statement gave; `command` is what Postgres says that it did, as `INSERT` or `COMMIT`. */
export type Answered = { rows: QueryResultRow[]; command: string }

type Column = { name: string; parse: (text: string) => unknown }
type Told = (error: Error | null, answers?: Answered[]) => void

/** What the driver has and its types do not tell. */
const parserOf = pg.types.getTypeParser as (oid: number, format: 'text') => Column['parse']
type DriverConnection = Connection & { parsedStatements: Record<string, string> }
const { prepareValue } = (pg as unknown as { utils: { prepareValue: (value: unknown) => Buffer } })
  .utils

/**
 * Statements in one write, which Postgres answers in one: each journey wakes two processes, and that is most of what a
 * small statement costs. They are done in their order. When one fails, those after it are not done, whichever
 * transaction they would have been in: Postgres passes over everything up to the one Sync at the end.
 *
 * @param isNamed false where a pooler gives each transaction another connection
 */
export async function askTogether(
  client: Client,
  asked: Asked[],
  isNamed: boolean
): Promise<Answered[]> {
  try {
    return await new Promise((resolve, reject) => {
      client.query(
        createBatch(asked, isNamed, (error, answers = []) => {
          if (error === null) resolve(answers)
          else reject(error)
        })
      )
    })
  } catch (error) {
    endOnTimeout(client, error)
    // Of the driver's errors the stack leads to a socket.
    if (error instanceof Error) Error.captureStackTrace(error)
    throw error
  }
}

/**
 * A connection whose statement was given up answers nothing before that one is done: a ROLLBACK would wait as
 * long again, and who asked with it.
 */
export function endOnTimeout(client: Client, error: unknown): void {
  const isTimeout = error instanceof Error && error.message === 'Query read timeout'
  if (isTimeout) void client.end()
}

/** As the driver wants it (as it has its cursors): it writes by itself, and is told what comes. */
function createBatch(asked: Asked[], isNamed: boolean, callback: Told) {
  // Before anything is written: what cannot be a value is told, and nothing is done.
  const prepared = asked.map(({ values }) => values.map((value) => prepareValue(value)))
  const answers: Answered[] = []
  let columns: Column[] = []
  let rows: QueryResultRow[] = []
  let unread: Error | null = null

  const batch = {
    callback,

    // The driver notes under them what has been parsed: of the statement that is being answered.
    get name() {
      return isNamed ? asked[answers.length]?.statement.name : undefined
    },
    get text() {
      return asked[answers.length]?.statement.text
    },

    submit(connection: Connection) {
      const { parsedStatements } = connection as DriverConnection
      const parsedHere = new Set<string>()
      connection.stream.cork()
      for (const [at, { statement }] of asked.entries()) {
        const name = isNamed ? statement.name : ''
        if (!isNamed || !(name in parsedStatements || parsedHere.has(name))) {
          connection.parse({ name, text: statement.text, types: [] }, true)
          parsedHere.add(name)
        }
        connection.bind({ statement: name, values: prepared[at] }, true)
        connection.describe({ type: 'P' }, true)
        connection.execute(null, true)
      }
      connection.sync()
      connection.stream.uncork()
    },

    handleRowDescription({ fields }: { fields: FieldDef[] }) {
      columns = fields.map(({ name, dataTypeID }) => ({
        name,
        parse: parserOf(dataTypeID, 'text')
      }))
    },

    handleDataRow({ fields }: { fields: (string | null)[] }) {
      try {
        rows.push(readRow(columns, fields))
      } catch (error) {
        unread ??= error as Error
      }
    },

    handleCommandComplete({ text }: { text: string }) {
      answers.push({ rows, command: text.split(' ', 1)[0] ?? '' })
      rows = []
      columns = []
    },

    handleReadyForQuery() {
      batch.callback(unread, answers)
    },

    handleError(error: Error) {
      batch.callback(error)
    }
  }
  return batch
}

function readRow(columns: Column[], fields: (string | null)[]): QueryResultRow {
  const row: QueryResultRow = {}
  for (const [at, { name, parse }] of columns.entries()) {
    const text = fields[at] ?? null
    row[name] = text === null ? null : parse(text)
  }
  return row
}
