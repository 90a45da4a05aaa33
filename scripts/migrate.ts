// npm run migrate: brings the database to the newest migration.
import { readFile } from 'node:fs/promises'
import { startEmbeddedPostgres } from '../src/platform/embedded-postgres.ts'
import { applyMigrations } from '../src/platform/migrate.ts'
import { StartError } from '../src/platform/start-error.ts'
import { readCommandLine } from './support/command-line.ts'
import { tellFailure } from './support/run-script.ts'

const USAGE = `Brings the database to the newest migration.

  npm run migrate

It is the one of DATABASE_DIRECT_URL, else of DATABASE_URL, else the embedded one.`

let databaseSetting = 'DATABASE_URL'
const line = readCommandLine({
  usage: USAGE,
  options: { help: { type: 'boolean', default: false } },
  commands: { '': [] }
})
if (line !== null) await run()

async function run(): Promise<void> {
  try {
    const direct = await setting('DATABASE_DIRECT_URL')
    if (direct !== undefined) databaseSetting = 'DATABASE_DIRECT_URL'
    const databaseUrl = direct ?? (await setting('DATABASE_URL'))
    await (databaseUrl === undefined ? migrateEmbedded() : migrate(databaseUrl))
  } catch (error) {
    tellFailure(error, databaseSetting)
  }
}

async function migrateEmbedded(): Promise<void> {
  const dataDir = process.env['DATA_DIR'] ?? '.data'
  const postgres = await startEmbeddedPostgres({ dataDir, log: console.log })
  try {
    await migrate(postgres.url)
  } finally {
    await postgres.release()
  }
}

async function migrate(databaseUrl: string): Promise<void> {
  const { applied } = await applyMigrations({ databaseUrl })
  for (const name of applied) console.log(`applied ${name}`)
  if (applied.length === 0) console.log('the database is up to date')
}

/** As everywhere: the value, or the file that holds it. Empty counts as unset. */
async function setting(name: string): Promise<string | undefined> {
  const value = process.env[name]
  if (value !== undefined && value !== '') return value
  const file = process.env[`${name}_FILE`]
  if (file === undefined || file === '') return undefined
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException
    throw new StartError(`${name}_FILE names a file that cannot be read (${code}).`)
  })
  return text.trim()
}
