import { setTimeout as delay } from 'node:timers/promises'
import { buildApp } from './app.ts'
import { ConfigError, readConfig, type Config } from './config.ts'
import { startEmbeddedPostgres } from './platform/embedded-postgres.ts'
import { applyMigrations, pendingMigrations } from './platform/migrate.ts'

/** How long keep-alive connections get to hear `Connection: close` before the server stops to listen. */
const DRAIN_NOTICE_MS = 300
/** After this, whatever still hangs is cut: an orchestrator would kill us soon. */
const DRAIN_LIMIT_MS = 20_000

/** A reason not to start that the operator can mend. */
class StartError extends Error {
  override readonly name = 'StartError'
}

async function start(): Promise<void> {
  const config = readConfig(process.env)
  const database = await openDatabase(config)
  try {
    const app = await buildApp({ ...config, databaseUrl: database.url })
    await app.listen({ host: config.host, port: config.port })
    announce(config)
    const stop = async () => {
      app.startDraining()
      await delay(DRAIN_NOTICE_MS)
      await Promise.race([app.close(), delay(DRAIN_LIMIT_MS)])
      await database.release()
      process.exit(0)
    }
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void stop())
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
  if (config.production && url !== undefined) {
    const pending = await pendingMigrations(url)
    if (pending.length > 0) {
      throw new StartError(`${pending.length} migration(s) are not applied. Run: npm run migrate`)
    }
    return { url, release: () => Promise.resolve() }
  }
  const database =
    url === undefined
      ? await startEmbeddedPostgres({ dataDir: config.dataDir })
      : { url, release: () => Promise.resolve() }
  await applyMigrations({ databaseUrl: database.url })
  return database
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
  const isExpected = error instanceof ConfigError || error instanceof StartError
  const text =
    error instanceof Error
      ? isExpected
        ? error.message
        : (error.stack ?? error.message)
      : String(error)
  process.stderr.write(`Latchkey cannot start. ${text}\n`)
  process.exit(1)
})
