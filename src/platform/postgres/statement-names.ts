import type { Pool, PoolClient } from 'pg'
import { UnavailableError } from '../../errors.ts'

const ADVICE =
  'The Postgres of DATABASE_URL is behind a pooler that mixes up named statements (PgBouncer in ' +
  'transaction mode, before 1.21 or without max_prepared_statements). Set DATABASE_NAMED_STATEMENTS=false.'

/** A pooler gave our statement to another connection. It is the operator's to mend, and no caller's fault. */
export class StatementNamesError extends UnavailableError {
  readonly advice = ADVICE

  constructor(cause?: unknown) {
    super(ADVICE, cause)
  }
}

/**
 * Fails where two connections of ours share one session over there: each prepares a statement under the same
 * name, which only sessions of their own can keep apart. Once a load has mixed them up it would be too late.
 */
export async function tryStatementNames(pool: Pool): Promise<void> {
  const statement = { name: 'pooler_probe', text: 'SELECT 1' }
  const first = await pool.connect()
  const held: PoolClient[] = [first]
  try {
    held.push(await pool.connect())
    for (const client of held) await client.query(statement)
    await first.query(statement)
  } finally {
    for (const client of held) client.release()
  }
}

/** A list of parameters of every length is a statement of its own; beyond so many, each is planned anew. */
const MOST_STATEMENTS = 200

/** Names for what Prisma asks, so that Postgres parses and plans it once a connection. */
export function createStatementNames(): (query: { sql: string }) => string {
  const names = new Map<string, string>()
  return ({ sql }) => {
    const known = names.get(sql)
    if (known !== undefined) return known
    if (names.size >= MOST_STATEMENTS) return '' // unnamed
    const name = `prisma_${names.size}`
    names.set(sql, name)
    return name
  }
}
