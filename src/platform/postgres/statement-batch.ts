import pg, { type Client, type Connection, type FieldDef, type QueryResultRow } from 'pg'

/** One prepared statement: `name` is what Postgres keeps its plan under, per connection. */
export type Statement = { name: string; text: string }

/** A statement and what follows its $1, $2 … */
export type Asked = { statement: Statement; values: unknown[] }

/** What a statement gave; `command` is what Postgres says that it did, as `INSERT` or `COMMIT`. */
export type Answered = { rows: QueryResultRow[]; command: string }

type Column = { name: string; parse: (text: string) => unknown }
type BindValue = string | Buffer | null

/** What the driver has, and its types do not tell. */
type DriverConnection = Connection & { parsedStatements: Record<string, string | undefined> }
const parserOf = pg.types.getTypeParser as (oid: number, format: 'text') => Column['parse']
/** As the driver writes a parameter: text, or the bytes of a Buffer. */
const { prepareValue } = (
  pg as unknown as { utils: { prepareValue: (value: unknown) => BindValue } }
).utils

/** What the columns of a named statement are on a connection: a plan cannot change them. */
const described = new WeakMap<Connection, Map<string, Column[]>>()

/**
 * Statements for a client's `query`, in one write, which Postgres answers in one: each journey wakes two processes,
 * and that is most of what a small statement costs. They are done in their order. When one fails, those after it are
 * not done, whichever transaction they would have been in: Postgres passes over everything up to the one Sync at the
 * end. What columns an answer has is asked once a connection; the driver's own query asks and reads that each time.
 */
export class StatementBatch {
  /** What has come so far. */
  readonly answers: Answered[] = []
  /** Set by the client, or by whoever asks it; the driver's way (its cursors' too) to be told. */
  callback: ((error: Error | null, done?: StatementBatch) => void) | undefined
  private readonly asked: Asked[]
  private readonly isNamed: boolean
  private readonly values: BindValue[][]
  private known = new Map<string, Column[]>()
  private columns: Column[] | undefined
  private rows: QueryResultRow[] = []
  private unread: Error | null = null
  private isSubmitted = false

  /**
   * Before anything is written: a value that cannot be sent throws here, and nothing is done.
   * @param isNamed false where a pooler gives each transaction another connection
   */
  constructor(asked: Asked[], isNamed: boolean) {
    this.asked = asked
    this.isNamed = isNamed
    this.values = asked.map(({ values }) => values.map((value) => prepareValue(value)))
  }

  /** A span is called after all of them. Then the driver notes what has been parsed, of the one that is answered. */
  get name(): string | undefined {
    if (!this.isSubmitted) return this.asked.map(({ statement }) => statement.name).join(' + ')
    return this.isNamed ? this.asked[this.answers.length]?.statement.name : undefined
  }
  get text(): string | undefined {
    return this.asked[this.answers.length]?.statement.text
  }

  /** @returns what keeps it from being sent: nothing was */
  submit(connection: Connection): Error | null {
    const { parsedStatements, stream } = connection as DriverConnection
    this.isSubmitted = true
    const unparsed = new Map<string, string>()
    for (const { statement } of this.isNamed ? this.asked : []) {
      const { name, text } = statement
      const before = parsedStatements[name] ?? unparsed.get(name)
      if (before === undefined) unparsed.set(name, text)
      else if (before !== text) return new Error(`Two statements named ${name}`)
    }
    this.known = described.get(connection) ?? this.known
    described.set(connection, this.known)
    stream.cork()
    try {
      this.write(connection, unparsed)
    } finally {
      stream.uncork()
    }
    return null
  }

  /** @param unparsed statements that the connection does not know yet */
  private write(connection: Connection, unparsed: Map<string, string>): void {
    for (const [at, { statement }] of this.asked.entries()) {
      const name = this.isNamed ? statement.name : ''
      if (!this.isNamed || unparsed.delete(name)) {
        connection.parse({ name, text: statement.text, types: [] }, true)
      }
      connection.bind({ statement: name, values: this.values[at] }, true)
      if (!this.known.has(name)) connection.describe({ type: 'P' }, true)
      connection.execute(null, true)
    }
    connection.sync()
  }

  handleRowDescription({ fields }: { fields: FieldDef[] }): void {
    this.columns = fields.map(({ name, dataTypeID }) => ({
      name,
      parse: parserOf(dataTypeID, 'text')
    }))
  }

  handleDataRow({ fields }: { fields: (string | null)[] }): void {
    this.columns ??= this.known.get(this.name ?? '') ?? []
    try {
      this.rows.push(readRow(this.columns, fields))
    } catch (error) {
      // Told at the end: whoever throws here throws at the socket.
      this.unread ??= error as Error
    }
  }

  handleCommandComplete({ text }: { text: string }): void {
    // One without rows has no description.
    if (this.name !== undefined && !this.known.has(this.name)) {
      this.known.set(this.name, this.columns ?? [])
    }
    this.answers.push({ rows: this.rows, command: text.split(' ', 1)[0] ?? '' })
    this.rows = []
    this.columns = undefined
  }

  handleReadyForQuery(): void {
    this.callback?.(this.unread, this)
  }

  handleError(error: Error): void {
    this.callback?.(error)
  }
}

/** Runs a batch on a connection that is held. One that was given up keeps its connection busy: that is closed. */
export async function askTogether(
  client: Client,
  asked: Asked[],
  isNamed: boolean
): Promise<Answered[]> {
  try {
    return await new Promise((resolve, reject) => {
      const batch = new StatementBatch(asked, isNamed)
      batch.callback = (error) => {
        if (error === null) resolve(batch.answers)
        else reject(error)
      }
      client.query(batch)
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

function readRow(columns: Column[], fields: (string | null)[]): QueryResultRow {
  const row: QueryResultRow = {}
  for (let at = 0; at < fields.length; at += 1) {
    const column = columns[at]
    const text = fields[at] ?? null
    if (column !== undefined) row[column.name] = text === null ? null : column.parse(text)
  }
  return row
}
