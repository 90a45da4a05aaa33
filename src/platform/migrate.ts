import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { withConnection, withReader } from './migrate/connection.ts'
import {
  findApplied,
  forgetUnfinished,
  PRISMA_FOLDER,
  readMigrations,
  withCompletion,
  type Migration
} from './migrate/history.ts'
import { StartError } from './start-error.ts'

export type MigrateOptions = {
  databaseUrl: string
  /** holds `schema.prisma` and `migrations/` */
  folder?: string
}

const NO_FILTER = { externalTables: [], externalEnums: [] }
/** The engine is WebAssembly: only whoever migrates loads it. */
const loadEngine = () => import('./migrate/engine.ts')
/** The lock that `prisma migrate` takes, taken here without its limit of 10 seconds. */
const MIGRATION_LOCK = 72707369
const ASK_AGAIN_MS = 100

/**
 * Brings the database to the newest migration; of many callers one does it and the others wait.
 *
 * @returns names of what this call applied, oldest first
 * @throws when one fails: that one left no trace, those before it stay
 */
export async function applyMigrations(options: MigrateOptions): Promise<{ applied: string[] }> {
  const { databaseUrl, folder = PRISMA_FOLDER } = options
  const migrations = await readMigrations(folder)
  const pending = await pendingMigrations(databaseUrl, folder)
  if (pending.length === 0) return { applied: [] }
  return withConnection(databaseUrl, async (pool) => {
    await waitForLock(pool)
    if ((await findPending(pool, migrations)).length === 0) return { applied: [] }
    return apply(pool, folder, migrations)
  })
}

/** Names of the migrations that the database still lacks, oldest first. */
export async function pendingMigrations(
  databaseUrl: string,
  folder = PRISMA_FOLDER
): Promise<string[]> {
  const migrations = await readMigrations(folder)
  return withReader(databaseUrl, (pool) => findPending(pool, migrations))
}

/**
 * What would have to run for the database to be as `schema.prisma` says; null when it is. Partial
 * indexes, triggers, functions and storage settings are beyond what `schema.prisma` can say.
 */
export async function schemaDrift(
  databaseUrl: string,
  folder = PRISMA_FOLDER
): Promise<string | null> {
  const schema = await readSchema(folder)
  const files = [{ path: 'schema.prisma', content: schema }]
  return withConnection(databaseUrl, async (pool) => {
    const { openEngine } = await loadEngine()
    const engine = await openEngine(pool, schema)
    const { exitCode, stdout } = await engine.diff({
      from: { tag: 'schemaDatasource', files, configDir: folder },
      to: { tag: 'schemaDatamodel', files },
      script: true,
      exitCode: true,
      filters: NO_FILTER
    })
    return exitCode === 0 ? null : (stdout ?? 'unknown differences')
  })
}

/** The SQL from the migrated database to `schema.prisma`; empty when nothing changed. */
export async function draftMigration(databaseUrl: string, folder = PRISMA_FOLDER): Promise<string> {
  return (await schemaDrift(databaseUrl, folder)) ?? ''
}

/**
 * Asks again and again: a statement that waits would hold a snapshot, and an index that is built
 * concurrently waits for every snapshot, so the two would wait for each other.
 */
async function waitForLock(pool: pg.Pool): Promise<void> {
  for (;;) {
    const { rows } = await pool.query<{ isLocked: boolean }>(
      'SELECT pg_try_advisory_lock($1) AS "isLocked"',
      [MIGRATION_LOCK]
    )
    if (rows[0]?.isLocked === true) return
    await delay(ASK_AGAIN_MS)
  }
}

async function findPending(pool: pg.Pool, migrations: Migration[]): Promise<string[]> {
  const applied = await findApplied(pool)
  return migrations.map((migration) => migration.name).filter((name) => !applied.has(name))
}

async function apply(pool: pg.Pool, folder: string, migrations: Migration[]) {
  let failure: unknown
  const { openEngine } = await loadEngine()
  const engine = await openEngine(pool, await readSchema(folder), async (script) => {
    await pool.query(withCompletion(script)).catch((error: unknown) => {
      const name = migrations.find((migration) => migration.sql === script)?.name
      failure = new StartError(
        `Migration ${name} failed and was rolled back: ${explain(error, script)}`
      )
      throw error
    })
  })
  await forgetUnfinished(pool)
  try {
    const done = await engine.applyMigrations({
      migrationsList: await toMigrationList(folder, migrations),
      filters: NO_FILTER
    })
    return { applied: done.appliedMigrationNames }
  } catch (error) {
    await forgetUnfinished(pool).catch(() => {}) // the next run does it
    throw failure ?? error
  }
}

function explain(error: unknown, script: string): string {
  if (!(error instanceof pg.DatabaseError)) return String(error)
  if (error.position === undefined) return error.message
  const line = script.slice(0, Number(error.position)).split('\n').length
  return `${error.message} (line ${line})`
}

async function toMigrationList(folder: string, migrations: Migration[]) {
  const lockfile = 'migration_lock.toml'
  return {
    baseDir: join(folder, 'migrations'),
    lockfile: {
      path: lockfile,
      content: await readFile(join(folder, 'migrations', lockfile), 'utf8').catch(() => null)
    },
    shadowDbInitScript: '',
    migrationDirectories: migrations.map(({ name, sql }) => ({
      path: name,
      migrationFile: { path: 'migration.sql', content: { tag: 'ok' as const, value: sql } }
    }))
  }
}

function readSchema(folder: string): Promise<string> {
  return readFile(join(folder, 'schema.prisma'), 'utf8')
}
