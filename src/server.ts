import { setTimeout as delay } from 'node:timers/promises'
import { buildApp } from './app.ts'
import { ConfigError, readConfig, type Config } from './config.ts'
import { startEmbeddedPostgres } from './platform/embedded-postgres.ts'
import { KeyEncryptionKeyError } from './platform/keys/data-keys.ts'
import { applyMigrations, pendingMigrations } from './platform/migrate.ts'
import { PostgresUnusableError, refusalOf } from './platform/migrate/connection.ts'

/** How long keep-alive connections get to hear `Connection: close` before the server stops to listen. */
const DRAIN_NOTICE_MS = 1_000
/** After this, whatever still hangs is cut: an orchestrator would kill us soon. */
const DRAIN_LIMIT_MS = 20_000

/** A reason not to start that the operator can mend. */
class StartError extends Error {
  override readonly name = 'StartError'
}

async function start(): Promise<void> {
  const config = readConfig(process.env)
  // A signal during the start is obeyed as soon as there is something to stop: nothing is left running.
  const asked = new Promise<void>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const)
      process.once(signal, () => {
        resolve()
      })
  })
  const database = await openDatabase(config)
  try {
    const app = await buildApp({ ...config, databaseUrl: database.url })
    await app.listen({ host: config.host, port: config.port }).catch(async (error: unknown) => {
      await app.close() // an embedded Postgres is stopped once nobody is connected
      throw notListening(error)
    })
    announce(config)
    await asked
    app.startDraining()
    await delay(DRAIN_NOTICE_MS)
    await Promise.race([app.close(), delay(DRAIN_LIMIT_MS)])
    await database.release()
    process.exit(0)
  } catch (error) {
    await database.release()
    throw error
  }
}

/** Development brings its own Postgres and migrates it; production is told to, and refuses to guess. */
async function openDatabase(
  config: Config
): Promise<{ url: string; release: () => Promise<void> }> {
  const url = config.databaseUrl
  if (url === undefined) {
    const embedded = await startEmbeddedPostgres({ dataDir: config.dataDir })
    await applyMigrations({ databaseUrl: embedded.url }).catch(async (error: unknown) => {
      await embedded.release()
      throw error
    })
    return embedded
  }
  await prepareDatabase(url, config.production).catch((error: unknown) => {
    throw error instanceof PostgresUnusableError ? databaseUnusable(error) : error
  })
  return { url, release: () => Promise.resolve() }
}

async function prepareDatabase(databaseUrl: string, isProduction: boolean): Promise<void> {
  if (!isProduction) {
    await applyMigrations({ databaseUrl })
    return
  }
  const pending = await pendingMigrations(databaseUrl)
  if (pending.length > 0) {
    throw new StartError(`${pending.length} migration(s) are not applied. Run: npm run migrate`)
  }
}

/** The driver's own words would tell the address, the user and the database of a secret setting. */
function databaseUnusable(cause: PostgresUnusableError): StartError {
  return new StartError(`The Postgres of DATABASE_URL ${refusalOf(cause.code)}.`, { cause })
}

const LISTEN_REFUSALS: Record<string, string> = {
  EADDRINUSE: 'PORT is in use by another process',
  EACCES: 'PORT needs more rights than this process has',
  EADDRNOTAVAIL: 'HOST is no address of this machine',
  ENOTFOUND: 'HOST is no address of this machine'
}

function notListening(cause: unknown): unknown {
  const { code = '' } = cause as { code?: string }
  const what = LISTEN_REFUSALS[code]
  return what === undefined ? cause : new StartError(`${what} (${code}).`, { cause })
}

/** The one line that says where everything is. */
function announce({ issuer, smtpUrl, redisUrl, databaseUrl, dataDir }: Config): void {
  const mail = smtpUrl === undefined ? ', mail at /dev/mail' : ''
  const inside = [
    ...(databaseUrl === undefined ? [`Postgres under ${dataDir}`] : []),
    ...(redisUrl === undefined ? ['in-process store instead of Redis'] : [])
  ]
  const note = inside.length > 0 ? ` (${inside.join(', ')})` : ''
  process.stdout.write(`Latchkey is listening on ${issuer}, docs at /docs${mail}${note}\n`)
}

start().catch((error: unknown) => {
  const expected = [ConfigError, StartError, KeyEncryptionKeyError]
  const isExpected = expected.some((kind) => error instanceof kind)
  const text =
    error instanceof Error
      ? isExpected
        ? error.message
        : (error.stack ?? error.message)
      : String(error)
  process.stderr.write(`Latchkey cannot start. ${text}\n`)
  process.exit(1)
})
