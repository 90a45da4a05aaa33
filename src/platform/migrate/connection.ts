import type pg from 'pg'
import { hostsOf } from '../../lib/postgres-hosts.ts'
import { openPrimaryPool } from '../postgres/primary-pool.ts'
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
  '25006': 'does not write: it is a standby, or was told to be read-only',
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
 * @throws {StartError} when a pooler stands between that gives every transaction another session
 */
export async function withConnection<T>(
  databaseUrl: string,
  task: (pool: pg.Pool) => Promise<T>
): Promise<T> {
  return withReader(databaseUrl, async (pool) => {
    await requireSession(databaseUrl, pool)
    await liftTimeLimits(pool)
    return task(pool)
  })
}

/** The same for a look that needs no session and changes nothing, so that any pooler may stand between. */
export async function withReader<T>(
  databaseUrl: string,
  task: (pool: pg.Pool) => Promise<T>
): Promise<T> {
  const address = addressOf(databaseUrl)
  const pool = openPool(databaseUrl)
  try {
    await pool.query('SELECT 1').catch((cause: unknown) => {
      throw new PostgresUnusableError(address, cause as Error & { code?: string })
    })
    return await task(pool)
  } finally {
    await pool.end() // gives the lock back, too
  }
}

function openPool(databaseUrl: string): pg.Pool {
  return openPrimaryPool({
    databaseUrl,
    max: 1,
    idleTimeoutMillis: 0,
    connectionTimeoutMillis: 5_000
  })
}

/**
 * While one connection lies idle, a second one that is given the same session shows that sessions are not
 * ours to keep. A lock taken there would stay behind for ever.
 */
async function requireSession(databaseUrl: string, pool: pg.Pool): Promise<void> {
  const second = openPool(databaseUrl)
  try {
    const mine = await pidOf(pool)
    if (mine !== (await pidOf(second)) && mine === (await pidOf(pool))) return
  } finally {
    await second.end()
  }
  throw new StartError(
    'A pooler stands before Postgres that keeps no sessions (PgBouncer in transaction mode). ' +
      'Migrations need one: set DATABASE_DIRECT_URL to Postgres itself.'
  )
}

async function pidOf(pool: pg.Pool): Promise<number | undefined> {
  const { rows } = await pool.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
  return rows[0]?.pid
}

async function liftTimeLimits(pool: pg.Pool): Promise<void> {
  await pool.query(
    `SELECT set_config(name, '0', false) FROM pg_settings
      WHERE name IN ('statement_timeout', 'transaction_timeout', 'lock_timeout')`
  )
}

function addressOf(databaseUrl: string): string {
  const urls = hostsOf(databaseUrl).map((url) => new URL(url))
  const [first] = urls
  if (first === undefined || !/^postgres(ql)?:$/.test(first.protocol)) {
    throw new StartError(
      'The database URL must look like postgresql://user:password@host:port/name.'
    )
  }
  return `${urls.map(({ host }) => host).join(',')}${first.pathname}`
}
