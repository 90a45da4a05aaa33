import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { appendFile, cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import t, { type Test } from 'tap'
import {
  applyMigrations,
  draftMigration,
  pendingMigrations,
  schemaDrift
} from '../../src/platform/migrate.ts'
import { createEmptyDatabase, createTestDatabase } from '../support/database.ts'
import { givenFolder } from '../support/folder.ts'

const PRISMA = join(import.meta.dirname, '../../prisma')

void t.test('schema.prisma and the migrations, as they stand: agree', async (t) => {
  const { url } = await createTestDatabase(t)
  t.equal(await schemaDrift(url), null)
  t.equal(await draftMigration(url), '')
  t.strictSame(await pendingMigrations(url), [])
})

void t.test('schema.prisma, with a field more: is noticed and drafted', async (t) => {
  const { url } = await createTestDatabase(t)
  const folder = await givenPrismaFolder(t)
  await appendFile(join(folder, 'schema.prisma'), '\nmodel Novelty {\n  id Int @id\n}\n')
  t.match(await schemaDrift(url, folder), /CREATE TABLE "Novelty"/)
  t.match(await draftMigration(url, folder), /CREATE TABLE "Novelty"/)
})

void t.test('the database, changed by hand: is noticed', async (t) => {
  const { url } = await createTestDatabase(t)
  await query(url, 'ALTER TABLE users ALTER COLUMN username SET NOT NULL')
  t.match(await schemaDrift(url), /ALTER TABLE "users"/)
})

void t.test(
  'an empty database, migrated by five processes at once: each is applied once',
  async (t) => {
    const { url } = await createEmptyDatabase(t)
    const expected = await migrationNames()
    t.strictSame(await pendingMigrations(url), expected)

    const startedAt = performance.now()
    const script = join(import.meta.dirname, '../../scripts/migrate.ts')
    const env = { ...process.env, DATABASE_URL: url, DATABASE_DIRECT_URL: '' }
    const outputs = await Promise.all(
      [1, 2, 3, 4, 5].map(() => promisify(execFile)(process.execPath, [script], { env }))
    )
    t.ok(performance.now() - startedAt < 30_000, 'nobody waits 10 s in turn for a lock')
    const lines = outputs.flatMap(({ stdout }) => stdout.trim().split('\n')).sort()
    const upToDate = Array.from({ length: 4 }, () => 'the database is up to date')
    t.strictSame(lines, [...expected.map((name) => `applied ${name}`), ...upToDate].sort())
    t.strictSame(await pendingMigrations(url), [])
  }
)

void t.test('the bookkeeping, after a migration: is what prisma migrate expects', async (t) => {
  const { url } = await createTestDatabase(t)
  const { rows } = await query(
    url,
    `SELECT migration_name AS name, checksum, applied_steps_count AS steps,
            finished_at IS NOT NULL AND rolled_back_at IS NULL AS done
       FROM _prisma_migrations ORDER BY migration_name`
  )
  const expected = (await migrationNames()).map(async (name) => {
    const file = await readFile(join(PRISMA, 'migrations', name, 'migration.sql'))
    const checksum = createHash('sha256').update(file).digest('hex')
    return { name, checksum, steps: 1, done: true }
  })
  t.strictSame(rows, await Promise.all(expected))
})

void t.test('a migrated database, migrated again: nothing is applied', async (t) => {
  const { url } = await createTestDatabase(t)
  t.strictSame(await applyMigrations({ databaseUrl: url }), { applied: [] })
})

void t.test('a migration, when it fails: leaves no trace and says why', async (t) => {
  const { url } = await createEmptyDatabase(t)
  const folder = await givenPrismaFolder(t)
  await writeMigration(folder, '2_good', 'CREATE TABLE good ();')
  await writeMigration(folder, '3_bad', 'CREATE TABLE half ();\nCREATE TABLE bad (id nonsense);')
  await t.rejects(applyMigrations({ databaseUrl: url, folder }), {
    message: 'Migration 3_bad failed and was rolled back: type "nonsense" does not exist (line 2)'
  })
  t.strictSame(await tablesLike(url, ['good', 'half', 'bad']), ['good'], 'those before it stay')
  t.strictSame(await pendingMigrations(url, folder), ['3_bad'])

  await writeMigration(folder, '3_bad', 'CREATE TABLE half ();\nCREATE TABLE bad (id int);')
  t.strictSame(await applyMigrations({ databaseUrl: url, folder }), { applied: ['3_bad'] })
  t.strictSame(await tablesLike(url, ['good', 'half', 'bad']), ['bad', 'good', 'half'])
})

void t.test('a migration, when the process died in it: is applied by the next one', async (t) => {
  const { url } = await createTestDatabase(t)
  const folder = await givenPrismaFolder(t)
  await writeMigration(folder, '30000000000000_next', 'CREATE TABLE next ();')
  await query(
    url,
    `INSERT INTO _prisma_migrations (id, checksum, migration_name)
     VALUES ('1', 'x', '30000000000000_next')`
  )
  const { applied } = await applyMigrations({ databaseUrl: url, folder })
  t.strictSame(applied, ['30000000000000_next'])
  t.strictSame(await tablesLike(url, ['next']), ['next'])
})

void t.test('a migration, when it cannot run in a transaction: runs alone', async (t) => {
  const { url } = await createTestDatabase(t)
  const folder = await givenPrismaFolder(t)
  const statement = 'CREATE INDEX CONCURRENTLY by_name ON users (name);'
  await writeMigration(folder, '30000000000000_index', statement)
  const { applied } = await applyMigrations({ databaseUrl: url, folder })
  t.strictSame(applied, ['30000000000000_index'])
})

void t.test(
  'a time limit on the role, when a migration takes longer: does not apply',
  async (t) => {
    const { url } = await createTestDatabase(t)
    const folder = await givenPrismaFolder(t)
    await writeMigration(folder, '30000000000000_slow', 'SELECT pg_sleep(0.3);')
    const name = new URL(url).pathname.slice(1)
    await query(url, `ALTER DATABASE ${name} SET statement_timeout = '100ms'`)
    const { applied } = await applyMigrations({ databaseUrl: url, folder })
    t.strictSame(applied, ['30000000000000_slow'])
  }
)

void t.test('Postgres, when it cannot be reached: one sentence without the password', async (t) => {
  const databaseUrl = 'postgresql://latchkey:s3cret@127.0.0.1:1/latchkey'
  await t.rejects(applyMigrations({ databaseUrl }), {
    message: /^Postgres at 127\.0\.0\.1:1\/latchkey cannot be used: .*ECONNREFUSED[^\n]*\.$/
  })
  const error = await applyMigrations({ databaseUrl: 's3cret' }).catch((error: unknown) => error)
  t.notMatch(String(error), /s3cret/)
})

void t.test('the audit trail, when somebody would rewrite it: refuses', async (t) => {
  const { url } = await createTestDatabase(t)
  await query(
    url,
    `INSERT INTO audit_event (id, at, type) VALUES (gen_random_uuid(), latchkey_now(), 'login')`
  )
  const refusal = { message: 'audit_event is append-only' }
  await t.rejects(query(url, `UPDATE audit_event SET type = 'logout'`), refusal)
  await t.rejects(query(url, 'DELETE FROM audit_event'), refusal)
  await t.rejects(query(url, 'TRUNCATE audit_event'), refusal)
  t.strictSame((await query(url, 'SELECT type FROM audit_event')).rows, [{ type: 'login' }])
})

async function givenPrismaFolder(t: Test): Promise<string> {
  const folder = await givenFolder(t)
  await cp(PRISMA, folder, { recursive: true })
  return folder
}

async function writeMigration(folder: string, name: string, sql: string): Promise<void> {
  await mkdir(join(folder, 'migrations', name), { recursive: true })
  await writeFile(join(folder, 'migrations', name, 'migration.sql'), sql)
}

async function migrationNames(): Promise<string[]> {
  const entries = await readdir(join(PRISMA, 'migrations'), { withFileTypes: true })
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name)
}

async function tablesLike(url: string, names: string[]): Promise<string[]> {
  const { rows } = await query(
    url,
    'SELECT relname AS name FROM pg_class WHERE relname = ANY ($1) ORDER BY 1',
    [names]
  )
  return rows.map((row) => (row as { name: string }).name)
}

async function query(url: string, statement: string, values: unknown[] = []) {
  const client = new pg.Client(url)
  await client.connect()
  return client.query(statement, values).finally(() => client.end())
}
