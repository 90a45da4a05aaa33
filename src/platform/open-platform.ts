import type { Config } from '../config.ts'
import { startClock } from './clock.ts'
import { createEphemeralStore } from './ephemeral/index.ts'
import { unlockDataKeys } from './keys/data-keys.ts'
import { createSealer } from './keys/sealer.ts'
import { openPostgres } from './postgres.ts'

/** The settings with Postgres decided: embedded or given. */
export type PlatformConfig = Config & { databaseUrl: string }

export type Platform = Awaited<ReturnType<typeof openPlatform>>

/**
 * What the server and every script stand on.
 * @param onFault told about trouble in the background, which is tried again
 * @throws when Postgres does not answer, or when the key-encryption key does not fit its rows
 */
export async function openPlatform(config: PlatformConfig, onFault: (error: unknown) => void) {
  const { databaseUrl, databasePoolSize, redisUrl, keyEncryptionKey, keysDir } = config
  const postgres = openPostgres({ databaseUrl, poolSize: databasePoolSize })
  try {
    const clock = await startClock(postgres)
    const dataKeys = await unlockDataKeys({ postgres, keyEncryptionKey, keysDir })
    const sealer = createSealer({ dataKeys, clock })
    const ephemeral = await createEphemeralStore({ redisUrl, onFault })
    const close = async () => {
      await ephemeral.close()
      await postgres.close()
    }
    return { postgres, clock, dataKeys, sealer, ephemeral, close }
  } catch (error) {
    await postgres.close()
    throw error
  }
}
