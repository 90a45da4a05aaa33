import cluster from 'node:cluster'
import type { IncomingMessage } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import type { buildApp } from './app.ts'
import { readConfig, type Config } from './config.ts'
import { loadCompilers } from './http/lazy-compilers.ts'
import { lastLines } from './http/log-stream.ts'
import { loadNodemailer } from './mail/transport.ts'
import { prepareFolder } from './platform/folder.ts'
import { applyMigrations, pendingMigrations } from './platform/migrate.ts'
import { idlePool, lowerPoolPriority } from './platform/thread-priority.ts'
import { StartError } from './platform/start-error.ts'
import { explainStartFailure } from './start-failure.ts'

/** How long keep-alive connections get to hear `Connection: close` before the server stops to listen. */
const DRAIN_NOTICE_MS = 1_000
/** Whoever waits for the server to be ready, or for its first answer, has been told by then. */
const WARM_UP_AFTER_MS = 500
/** What asks a server that nobody uses yet. */
const PROBES = ['/livez', '/readyz', '/health', '/metrics']
/** After this, whatever still hangs is cut: an orchestrator would kill us soon. */
const DRAIN_LIMIT_MS = 20_000

/** The process: config -> app -> listen -> drain. Only this file and `server.ts` may end it. */
export async function start(): Promise<void> {
  const config = readConfig(process.env)
  // A signal during the start is obeyed as soon as there is something to stop: nothing is left running.
  const asked = new Promise<void>((resolve) => {
    // Every one that comes: systemd signals the whole group and then the primary its workers, and whoever is
    // signalled twice would die in the middle of its drain. Only who presses Ctrl-C again means at once.
    process.on('SIGTERM', () => {
      resolve()
    })
    process.once('SIGINT', () => {
      resolve()
    })
  })
  if (config.smtpUrl === undefined) await prepareFolder(config.dataDir, 'DATA_DIR')
  const stopTracing = await startTracing(config)
  const database = await openDatabase(config)
  try {
    const isPrimary = config.workers > 1 && cluster.isPrimary
    await (isPrimary ? supervise : serve)(config, database.url, asked)
    await stopTracing()
    await database.release()
    await lastLines()
    process.exit(0)
  } catch (error) {
    await database.release()
    throw error
  }
}

async function serve(config: Config, databaseUrl: string, asked: Promise<void>): Promise<void> {
  // Here, for the primary of several workers does without it.
  const app = await (await import('./app.ts')).buildApp({ ...config, databaseUrl })
  lowerPoolPriority()
  // Fastify would log one line more for every address; `announce` says it once.
  const { level } = app.log
  app.log.level = 'warn'
  await app.listen({ host: config.host, port: config.port }).catch(async (error: unknown) => {
    await app.close() // an embedded Postgres is stopped once nobody is connected
    throw error
  })
  const metrics = await listenForMetrics(app, config)
  app.log.level = level
  if (cluster.isPrimary) announce(config)
  warmUp(app, config)
  await asked
  app.startDraining()
  await delay(DRAIN_NOTICE_MS)
  await Promise.race([app.close(), delay(DRAIN_LIMIT_MS)])
  await metrics?.close()
}

/**
 * What is no part of a start, since nobody can ask for it yet, and what the first who asks should not wait for.
 * Prisma is the largest, and comes once there is somebody: a server in reserve does without its 40 MiB.
 */
function warmUp(
  app: Awaited<ReturnType<typeof buildApp>>,
  { argon2Scheduling, workers }: Config
): void {
  const soon = (work: () => unknown) => setTimeout(work, WARM_UP_AFTER_MS).unref()
  const loadClient = () => app.warmUp().catch(() => undefined) // requests tell that Postgres does not answer
  const noteUse = ({ url = '' }: IncomingMessage) => {
    if (PROBES.includes(url)) return
    app.server.off('request', noteUse)
    soon(loadClient)
  }
  app.server.on('request', noteUse)
  soon(() => {
    if (argon2Scheduling === 'idle') {
      idlePool({ workers }).catch((error: unknown) => {
        app.log.warn(error, 'ARGON2_SCHEDULING=idle is not in force: hashes run as with nice')
      })
    }
    loadCompilers()
    void loadNodemailer()
  })
}

/** The figures at a port of their own, to the end of the drain. */
async function listenForMetrics(
  app: Awaited<ReturnType<typeof buildApp>>,
  { host, metricsPort: port, metricsToken: token }: Config
) {
  if (port === undefined) return undefined
  const { createMetricsServer } = await import('./ops/metrics-server.ts')
  const server = createMetricsServer({ render: app.renderMetrics, token })
  await server.listen({ host, port }).catch(async (error: unknown) => {
    await app.close()
    throw Object.assign(error as Error, { setting: 'METRICS_PORT' })
  })
  return server
}

/** Without a collector nothing of OpenTelemetry is loaded. It has to stand before anything is opened. */
async function startTracing(config: Config): Promise<() => Promise<void>> {
  if (config.traceEndpoint === undefined) return () => Promise.resolve()
  return (await import('./ops/tracing.ts')).startTracing()
}

async function supervise(config: Config, databaseUrl: string, asked: Promise<void>): Promise<void> {
  const { superviseWorkers } = await import('./supervise.ts')
  await superviseWorkers({
    workers: config.workers,
    env: { DATABASE_URL: databaseUrl, DATABASE_URL_FILE: '' },
    asked,
    onReady: () => {
      announce(config)
    },
    onDeath: (sentence) => process.stderr.write(`${sentence}\n`)
  })
}

/** Development brings its own Postgres and migrates it; production is told to, and refuses to guess. */
async function openDatabase(
  config: Config
): Promise<{ url: string; release: () => Promise<void> }> {
  const url = config.databaseUrl
  if (url === undefined) {
    const { startEmbeddedPostgres } = await import('./platform/embedded-postgres.ts')
    const embedded = await startEmbeddedPostgres({ dataDir: config.dataDir })
    await applyMigrations({ databaseUrl: embedded.url }).catch(async (error: unknown) => {
      await embedded.release()
      throw error
    })
    return embedded
  }
  if (cluster.isPrimary) await prepareDatabase(config.databaseDirectUrl ?? url, config.production)
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

/** The one line that says where everything is. */
function announce(config: Config): void {
  const { issuer, smtpUrl, redisUrl, databaseUrl, dataDir, workers } = config
  const mail = smtpUrl === undefined ? ', mail at /dev/mail' : ''
  const inside = [
    ...(workers > 1 ? [`${workers} workers`] : []),
    ...(databaseUrl === undefined ? [`Postgres under ${dataDir}`] : []),
    ...(redisUrl === undefined ? ['in-process store instead of Redis'] : [])
  ]
  const note = inside.length > 0 ? ` (${inside.join(', ')})` : ''
  process.stdout.write(`Latchkey is listening on ${issuer}, docs at /docs${mail}${note}\n`)
}

/** Says why, in a sentence where somebody can mend it. */
export function fail(error: unknown): never {
  const unforeseen = error instanceof Error ? (error.stack ?? error.message) : String(error)
  process.stderr.write(`Latchkey cannot start. ${explainStartFailure(error) ?? unforeseen}\n`)
  process.exit(1)
}
