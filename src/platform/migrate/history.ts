import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type pg from 'pg'

/** Holds `schema.prisma` and `migrations/`. */
export const PRISMA_FOLDER = fileURLToPath(new URL('../../../prisma/', import.meta.url))

export type Migration = {
  name: string
  sql: string
}

/** The migrations on disk, oldest first. */
export async function readMigrations(folder: string): Promise<Migration[]> {
  const directory = join(folder, 'migrations')
  const entries = await readdir(directory, { withFileTypes: true })
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name)
  return Promise.all(
    names.sort().map(async (name) => ({
      name,
      sql: await readFile(join(directory, name, 'migration.sql'), 'utf8')
    }))
  )
}

/** Names of the migrations that the database has in full; none where the table is missing. */
export async function findApplied(pool: pg.Pool): Promise<Set<string>> {
  if (!(await hasHistory(pool))) return new Set()
  const { rows } = await pool.query<{ name: string }>(
    `SELECT migration_name AS name FROM _prisma_migrations
      WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL`
  )
  return new Set(rows.map((row) => row.name))
}

/** A migration that never finished was rolled back by Postgres; without this none would follow. */
export async function forgetUnfinished(pool: pg.Pool): Promise<void> {
  if (!(await hasHistory(pool))) return
  await pool.query(
    `UPDATE _prisma_migrations SET rolled_back_at = now()
      WHERE finished_at IS NULL AND rolled_back_at IS NULL`
  )
}

/**
 * Ends a migration in its own transaction, so that a crash leaves it either done and noted or
 * neither. Only what cannot run in a transaction goes alone.
 */
export function withCompletion(script: string): string {
  if (/\bCONCURRENTLY\b/i.test(script)) return script
  return `${script}
;UPDATE _prisma_migrations SET finished_at = now()
  WHERE finished_at IS NULL AND rolled_back_at IS NULL`
}

async function hasHistory(pool: pg.Pool): Promise<boolean> {
  const { rows } = await pool.query<{ found: boolean }>(
    `SELECT to_regclass('_prisma_migrations') IS NOT NULL AS found`
  )
  return rows[0]?.found === true
}
