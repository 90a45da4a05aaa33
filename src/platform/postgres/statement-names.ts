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
