import pg, { types, type Connection, type PoolClient } from 'pg'
import type { Statement } from './connection.ts'

type Column = { name: string; parse: (text: string) => unknown }
type Callback<Row> = (error: Error | null, result?: { rows: Row[] }) => void

/** What the driver tells its queries, and those of others, though its types do not say so. */
type DriverConnection = Connection & {
  parsedStatements: Record<string, string | undefined>
  submittedNamedStatements: Record<string, string | undefined>
}
type RowDescription = { fields: { name: string; dataTypeID: number }[] }
type BindValue = string | Buffer | null
type DataRow = { fields: (string | null)[] }

/** As the driver writes a parameter: text, or the bytes of a Buffer. */
const { prepareValue } = (
  pg as unknown as { utils: { prepareValue: (value: unknown) => BindValue } }
).utils

const parserOf = types.getTypeParser as (type: number, format: 'text') => Column['parse']

const described = new WeakMap<Connection, Map<string, Column[]>>()

/**
 * A named statement, for a client's `query`. What the columns of its answer are is asked once a connection: a plan
 * cannot change them. The driver's own query has Postgres describe them for every answer, reads that, and copies what
 * it was given: a third of what a statement takes here.
 */
export class NamedQuery<Row> {
  readonly name: string
  readonly text: string
  /** Set by the client. */
  callback: Callback<Row> | undefined
  readonly values: unknown[]
  /** What has come so far. */
  readonly rows: Row[] = []
  private known = new Map<string, Column[]>()
  private columns: Column[] | undefined
  private fault: Error | null = null

  constructor({ name, text }: Statement, values: unknown[]) {
    this.name = name
    this.text = text
    this.values = values
  }

  /** @returns what keeps it from being sent: nothing was */
  submit(connection: DriverConnection): Error | null {
    const { name, text } = this
    const { parsedStatements, submittedNamedStatements, stream } = connection
    const before = parsedStatements[name] ?? submittedNamedStatements[name]
    if (before !== undefined && before !== text) return new Error(`Two statements named ${name}`)
    let values: BindValue[]
    try {
      values = this.values.map((value) => prepareValue(value))
    } catch (error) {
      return error as Error
    }
    this.known = described.get(connection) ?? this.known
    described.set(connection, this.known)
    this.columns = this.known.get(name)
    stream.cork()
    if (before === undefined) {
      connection.parse({ name, text, types: [] }, true)
      submittedNamedStatements[name] = text
    }
    connection.bind({ statement: name, values }, true)
    if (this.columns === undefined) connection.describe({ type: 'P', name: '' }, true)
    connection.execute(null, true)
    connection.sync()
    stream.uncork()
    return null
  }

  handleRowDescription({ fields }: RowDescription): void {
    this.remember(
      fields.map(({ name, dataTypeID }) => ({ name, parse: parserOf(dataTypeID, 'text') }))
    )
  }

  handleDataRow({ fields }: DataRow): void {
    const { columns = [] } = this
    const row: Record<string, unknown> = {}
    try {
      fields.forEach((text, at) => {
        const column = columns[at]
        if (column !== undefined) row[column.name] = text === null ? null : column.parse(text)
      })
    } catch (error) {
      // Told at the end: whoever throws here throws at the socket.
      this.fault = error as Error
    }
    this.rows.push(row as Row)
  }

  handleCommandComplete(): void {
    // One without rows has no description.
    if (this.columns === undefined) this.remember([])
  }

  handleReadyForQuery(): void {
    this.callback?.(this.fault, this)
  }

  handleError(error: Error): void {
    this.callback?.(error)
  }

  private remember(columns: Column[]): void {
    this.columns = columns
    this.known.set(this.name, columns)
  }
}

/** Runs it on a connection that is held. One that was given up keeps its connection busy: that is closed. */
export function askByName<Row>(
  client: PoolClient,
  statement: Statement,
  values: unknown[]
): Promise<Row[]> {
  return new Promise((resolve, reject) => {
    const query = new NamedQuery<Row>(statement, values)
    query.callback = (error, result) => {
      if (error === null) {
        resolve(result?.rows ?? [])
        return
      }
      if (error.message === 'Query read timeout') void client.end()
      reject(error)
    }
    void client.query(query)
  })
}
