import type { Config } from '../config.ts'
import { UnavailableError } from '../errors.ts'
import { startClock } from './clock.ts'
import { createEphemeralStore } from './ephemeral/index.ts'
import { measureStore } from './ephemeral/measured.ts'
import { unlockDataKeys } from './keys/data-keys.ts'
import { addDataKeyMetrics } from './keys/key-metrics.ts'
import { createSealer } from './keys/sealer.ts'
import { startLoop } from './loop.ts'
import { createMetrics } from './metrics.ts'
import { createOutbound } from './outbound.ts'
import { createPoolUse } from './pool-use.ts'
import { addPoolMetrics, addQueryMetrics } from './postgres/query-metrics.ts'
import { openPostgres } from './postgres.ts'
import { openReplica } from './replica.ts'

/** The settings with Postgres decided: embedded or given. */
export type PlatformConfig = Config & { databaseUrl: string }

export type Platform = Awaited<ReturnType<typeof openPlatform>>

/** A request is told after one; at start nobody waits yet, and a busy machine may need longer than 1 s. */
const CONNECT_ATTEMPTS = 5
/** A new data key is announced for much longer before anything is made with it (`DATA_KEY_ANNOUNCE_SECONDS`). */
const READ_KEYS_MS = 1_000

/**
 * What the server and every script stand on.
 * @param onFault told about trouble in the background, which is tried again
 * @throws when Postgres does not answer, or when the key-encryption key does not fit its rows
 */
export async function openPlatform(config: PlatformConfig, onFault: (error: unknown) => void) {
  const { databaseUrl, databasePoolSize, redisUrl } = config
  const metrics = createMetrics({ ofProcess: config.production })
  const retries = metrics.counter('postgres_retries_total', 'Work that Postgres rolled back, again')
  const postgres = openPostgres({
    databaseUrl,
    poolSize: databasePoolSize,
    namedStatements: config.databaseNamedStatements,
    observe: addQueryMetrics(metrics),
    onRetry: () => {
      retries.inc()
    }
  })
  addPoolMetrics(metrics, postgres.poolState)
  try {
    await persist(() => postgres.requireNamedStatements())
    const clock = await persist(() => startClock(postgres))
    const dataKeys = await unlockDataKeys({ ...config, postgres, now: clock.now })
    addDataKeyMetrics(metrics, dataKeys, clock)
    const sealer = createSealer({ dataKeys, clock, isBehind: dataKeys.isBehind })
    const ephemeral = measureStore(await createEphemeralStore({ redisUrl, onFault }), metrics)
    const reader = openReplica({
      primary: postgres,
      replicaUrl: config.databaseReplicaUrl,
      poolSize: config.databasePoolSize,
      namedStatements: config.databaseNamedStatements,
      metrics,
      onFault
    })
    const outbound = createOutbound({
      allowedHosts: config.outboundAllowedHosts,
      ca: config.outboundCa,
      production: config.production
    })
    const following = startLoop({
      intervalMs: READ_KEYS_MS,
      work: dataKeys.reload,
      onFault: (error) => {
        // Requests tell that Postgres does not answer.
        if (!(error instanceof UnavailableError)) onFault(error)
      }
    })
    /** What the first everyday query would wait for: Prisma's compiler takes a tenth of a second. */
    const warmUp = async () => {
      await postgres.read((db) => db.role.findFirst({ select: { name: true } }))
    }
    const close = async () => {
      await following.stop()
      await ephemeral.close()
      await reader.close()
      await postgres.close()
    }
    const store = { postgres, reader, clock, dataKeys, sealer, ephemeral }
    return { ...store, metrics, outbound, pool: createPoolUse(), warmUp, close }
  } catch (error) {
    await postgres.close()
    throw error
  }
}

async function persist<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof UnavailableError) || attempt >= CONNECT_ATTEMPTS) throw error
    }
  }
}
