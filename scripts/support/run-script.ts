import { readConfig } from '../../src/config.ts'
import { OAuthError, ProblemError } from '../../src/errors.ts'
import { startEmbeddedPostgres } from '../../src/platform/embedded-postgres.ts'
import { applyMigrations, pendingMigrations } from '../../src/platform/migrate.ts'
import {
  openPlatform,
  type Platform,
  type PlatformConfig
} from '../../src/platform/open-platform.ts'
import { UnusableKeyError } from '../../src/signing/jwk.ts'
import { explainStartFailure } from '../../src/start-failure.ts'

/** A sentence for whoever typed the command; the script ends with it and with 1. */
export class ScriptError extends Error {
  override readonly name = 'ScriptError'
}

const EXPECTED = [ScriptError, ProblemError, OAuthError, UnusableKeyError]

/**
 * Runs `work` on the platform that the server of this configuration stands on: the database of the
 * settings, or the embedded one, started for the purpose if no server runs it.
 */
export async function runScript(
  work: (platform: Platform, config: PlatformConfig) => Promise<void>
): Promise<void> {
  try {
    await withPlatform(work)
  } catch (error) {
    tellFailure(error)
  }
}

/** Says on stderr why the script ends, and makes it end with 1. */
export function tellFailure(error: unknown, databaseSetting?: string): void {
  const isExpected = EXPECTED.some((kind) => error instanceof kind)
  const sentence = explainStartFailure(error, databaseSetting)
  console.error(sentence ?? (isExpected ? (error as Error).message : error))
  if (error instanceof ProblemError) {
    for (const { field, detail } of error.errors ?? []) console.error(`  - ${field} ${detail}`)
  }
  process.exitCode = 1
}

async function withPlatform(
  work: (platform: Platform, config: PlatformConfig) => Promise<void>
): Promise<void> {
  const config = readConfig(process.env)
  const database =
    config.databaseUrl === undefined
      ? await startEmbeddedPostgres({ dataDir: config.dataDir })
      : { url: config.databaseUrl, release: () => Promise.resolve() }
  try {
    await requireSchema(database.url, config.databaseUrl === undefined)
    const onFault = (error: unknown) => {
      console.error(error)
    }
    const platform = await openPlatform({ ...config, databaseUrl: database.url }, onFault)
    try {
      await work(platform, { ...config, databaseUrl: database.url })
    } finally {
      await platform.close()
    }
  } finally {
    await database.release()
  }
}

/** An embedded database is ours to migrate; any other is the operator's. */
async function requireSchema(databaseUrl: string, isEmbedded: boolean): Promise<void> {
  if (isEmbedded) {
    await applyMigrations({ databaseUrl })
    return
  }
  const pending = await pendingMigrations(databaseUrl)
  if (pending.length > 0) {
    throw new ScriptError(`${pending.length} migration(s) are not applied. Run: npm run migrate`)
  }
}
