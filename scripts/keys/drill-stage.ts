import { spawn, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { createAudit } from '../../src/audit/record.ts'
import { readConfig } from '../../src/config.ts'
import { createClientAdminStore } from '../../src/oauth/client-admin-store.ts'
import { createClients } from '../../src/oauth/clients.ts'
import { createRingRule } from '../../src/oauth/ring-rule.ts'
import { startEmbeddedPostgres } from '../../src/platform/embedded-postgres.ts'
import { findBinaries } from '../../src/platform/embedded-postgres/binaries.ts'
import { applyMigrations } from '../../src/platform/migrate.ts'
import { openPlatform } from '../../src/platform/open-platform.ts'
import type { SigningAlgorithm } from '../../src/signing/algorithm.ts'
import { openKeys } from '../../src/signing/room.ts'
import { ScriptError } from '../support/run-script.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const READY_WITHIN_MS = 60_000
const NO_POSTGRES =
  'The drill runs on an embedded Postgres, which is not here (the image has none): run it in a checkout, after npm ci.'
/** What of this environment shapes a rotation; nothing else of it gets in. */
const TAKEN_OVER = ['SIGNING_ALGORITHMS', 'ACCESS_TOKEN_TTL_SECONDS', 'PATH']

export type Stage = Awaited<ReturnType<typeof openStage>>

/**
 * A server of its own on a Postgres of its own in a temporary folder, where time passes `speed` times as fast: it is
 * Postgres' clock that judges, and that one is ours to replace.
 * @throws {ScriptError} where there is no embedded Postgres, as in the image
 */
export async function openStage(speed: number) {
  await findBinaries().catch((cause: unknown) => {
    throw new ScriptError(NO_POSTGRES, { cause })
  })
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-drill-'))
  const closers: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })]
  const close = async () => {
    for (const closer of closers.reverse()) await closer()
  }
  try {
    const dataDir = join(folder, 'data')
    const database = await startEmbeddedPostgres({ dataDir })
    closers.push(() => database.release())
    await applyMigrations({ databaseUrl: database.url })
    const port = await freePort()
    const env = {
      ...Object.fromEntries(TAKEN_OVER.map((name) => [name, process.env[name] ?? ''])),
      PORT: String(port),
      DATABASE_URL: database.url,
      DATA_DIR: dataDir,
      KEYS_DIR: join(folder, 'keys'),
      KEY_ENCRYPTION_KEY: randomBytes(32).toString('hex'),
      LOG_LEVEL: 'error'
    }
    const config = { ...readConfig(env), databaseUrl: database.url }
    const platform = await openPlatform(config, () => undefined)
    closers.push(() => platform.close())
    const { postgres, clock, sealer } = platform
    const record = createAudit({ sealer, clock })

    const startedAtMs = Date.now()
    const start = new Date(startedAtMs).toISOString()
    await postgres.read((db) =>
      db.$executeRawUnsafe(`
        CREATE OR REPLACE FUNCTION latchkey_now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS
        $$ SELECT timestamptz '${start}' + (now() - timestamptz '${start}') * ${speed} $$`)
    )
    await clock.sync()
    const server = spawn(process.execPath, ['src/server.ts'], {
      cwd: ROOT,
      env,
      stdio: ['ignore', 'ignore', 'inherit']
    })
    closers.push(() => end(server))
    await untilReady(server, config.issuer)
    const keys = await openKeys(platform, config, record)

    /** A service that gets tokens of this ring. */
    async function givenService(alg: SigningAlgorithm): Promise<{ id: string; secret: string }> {
      const clients = createClients({
        store: createClientAdminStore({ postgres, clock, record }),
        requireSector: () => Promise.resolve(),
        requireRings: createRingRule(config.signingAlgorithms),
        revocationFeed: { announce: () => undefined }
      })
      const { client, secret } = await clients.create(
        {
          client_name: `Drill ${alg}`,
          grant_types: ['client_credentials'],
          scope: 'drill',
          access_token_signed_response_alg: alg
        },
        { origin: { requestId: 'npm run keys', address: 'operator' }, by: { operator: true } }
      )
      return { id: client.id, secret: secret ?? '' }
    }

    return {
      ...keys,
      config,
      givenService,
      /** Time as the stage has it, in ms since 1970. */
      nowMs: () => startedAtMs + (Date.now() - startedAtMs) * speed,
      startedAtMs,
      close
    }
  } catch (error) {
    await close()
    throw error
  }
}

async function untilReady(server: ChildProcess, issuer: string): Promise<void> {
  const deadline = Date.now() + READY_WITHIN_MS
  while (Date.now() < deadline && server.exitCode === null) {
    if ((await fetch(`${issuer}/readyz`).catch(() => null))?.ok === true) return
    await delay(100)
  }
  throw new ScriptError('The server of the drill did not start.')
}

async function end(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return
  server.kill('SIGKILL')
  await once(server, 'exit')
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  await once(probe, 'close')
  return port
}
