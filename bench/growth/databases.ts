import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { startEmbeddedPostgres } from '../../src/platform/embedded-postgres.ts'
import { applyMigrations } from '../../src/platform/migrate.ts'
import { grow } from './grow.ts'
import type { Population } from './population.ts'

export type BenchDatabase = { name: string; url: string; population: Population }

/** Both databases are sealed with one key: nothing in them is worth another. */
export const KEY_ENCRYPTION_KEY = '11'.repeat(32)
/**
 * At full scale about what one asks of a Postgres with 16 GB; the same for both databases. Of a smaller one as small
 * a part fits.
 */
const settingsFor = (scale: number) => ({
  shared_buffers: `${Math.max(64, Math.round(2_048 * scale))}MB`,
  max_wal_size: '8GB',
  wal_level: 'minimal',
  max_wal_senders: '0'
})
/** So little that every row is in memory. */
const EMPTY_SCALE = 0.0002

/**
 * A Postgres with an all but empty database and a grown one, each filled where it is not yet.
 * @param kept where the data lies, and stays for the next run; without it, in a folder that goes with the server
 * @returns both, the folder, and what stops the server
 */
export async function openDatabases(
  kept: string | undefined,
  scale: number,
  tell: (line: string) => void
) {
  const dataDir = kept ?? (await mkdtemp(join(tmpdir(), 'latchkey-growth-')))
  const postgres = await startEmbeddedPostgres({ dataDir, settings: settingsFor(scale) })
  async function close(): Promise<void> {
    await postgres.release()
    if (kept === undefined) await rm(dataDir, { recursive: true, force: true })
  }

  try {
    const empty = await openDatabase(postgres.url, 'empty', EMPTY_SCALE, tell)
    const grown = await openDatabase(
      postgres.url,
      `grown_${String(scale).replace('.', '_')}`,
      scale,
      tell
    )
    return { empty, grown, dataDir, close }
  } catch (error) {
    await close()
    throw error
  }
}

async function openDatabase(
  anyUrl: string,
  name: string,
  scale: number,
  tell: (line: string) => void
): Promise<BenchDatabase> {
  const url = Object.assign(new URL(anyUrl), { pathname: name }).href
  const client = new pg.Client(anyUrl)
  await client.connect()
  try {
    const { rows } = await client.query<{ note: string | null }>(
      `SELECT shobj_description(oid, 'pg_database') AS note FROM pg_database WHERE datname = $1`,
      [name]
    )
    const note = rows[0]?.note
    if (note != null) {
      await applyMigrations({ databaseUrl: url })
      return { name, url, population: JSON.parse(note) as Population }
    }
    tell(`filling the database ${name}`)
    await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)
    await client.query(`CREATE DATABASE ${name}`)
    await applyMigrations({ databaseUrl: url })
    const population = await grow({ DATABASE_URL: url, KEY_ENCRYPTION_KEY }, scale, tell)
    await client.query(`COMMENT ON DATABASE ${name} IS '${JSON.stringify(population)}'`)
    return { name, url, population }
  } finally {
    await client.end()
  }
}
