import pg from 'pg'
import { StartError } from '../start-error.ts'

/** Postgres cannot be reached or refuses us. `code` is its SQLSTATE or the system's error. */
export class PostgresUnusableError extends Error {
  override readonly name = 'PostgresUnusableError'
  readonly code: string

  constructor(address: string, cause: { message: string; code?: string }) {
    const reason = cause.message || (cause.code ?? 'no answer')
    super(`Postgres at ${address} cannot be used: ${reason}.`, { cause })
    this.code = cause.code ?? 'no answer'
  }
}

const REFUSALS: Record<string, string> = {
  '28P01': 'refuses its user or password',
  '28000': 'refuses its user',
  '3D000': 'has no database of its name',
  '42501': 'does not give its user the rights that are needed'
}

/** What is wrong with a Postgres, by that code: the driver's own words would tell a part of a secret URL. */
export function refusalOf(code: string): string {
  return `${REFUSALS[code] ?? 'does not answer'} (${code})`
}

/**
 * One connection for everything a migration does: its lock and the engine's statements belong to
 * one session. No time limit that an administrator put on the role applies to it.
 *
 * @throws {PostgresUnusableError} when Postgres cannot be reached, in one sentence without the password
 */
export async function withConnection<T>(
  databaseUrl: string,
  task: (pool: pg.Pool) => Promise<T>
): Promise<T> {
  const address = addressOf(databaseUrl)
  const pool = new pg.Pool({
    connectionString: databaseUrl,
    max: 1,
    idleTimeoutMillis: 0,
    connectionTimeoutMillis: 5_000
  })
  pool.on('error', () => {}) // the next statement tells
  try {
    await liftTimeLimits(pool).catch((cause: unknown) => {
      throw new PostgresUnusableError(address, cause as Error & { code?: string })
    })
    return await task(pool)
  } finally {
    await pool.end() // gives the lock back, too
  }
}

async function liftTimeLimits(pool: pg.Pool): Promise<void> {
  await pool.query(
    `SELECT set_config(name, '0', false) FROM pg_settings
      WHERE name IN ('statement_timeout', 'transaction_timeout', 'lock_timeout')`
  )
}

function addressOf(databaseUrl: string): string {
  const url = URL.parse(databaseUrl)
  if (url === null || !/^postgres(ql)?:$/.test(url.protocol)) {
    throw new StartError(
      'The database URL must look like postgresql://user:password@host:port/name.'
    )
  }
  return `${url.host}${url.pathname}`
}
