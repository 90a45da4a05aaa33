import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client, type QueryResultRow } from 'pg'
import type { Test } from 'tap'
import { buildApp } from '../../src/app.ts'
import { readConfig } from '../../src/config.ts'
import { createTestDatabase } from './database.ts'
import { HIGH_LIMITS } from './high-limits.ts'

export const ISSUER = 'http://localhost:3000'

export type TestApp = Awaited<ReturnType<typeof startApp>>

/**
 * The production app on a database of its own. `env` sets what the settings read; give `DATABASE_URL`,
 * `KEY_ENCRYPTION_KEY` and the like to let two apps share what two replicas share.
 */
export async function startApp(t: Test, env: Record<string, string> = {}) {
  const dataDir = await mkdtemp(join(tmpdir(), 'latchkey-test-'))
  const databaseUrl = env['DATABASE_URL'] ?? (await createTestDatabase(t)).url
  const settings = {
    ISSUER,
    DATA_DIR: dataDir,
    LOG_LEVEL: 'silent',
    KEY_ENCRYPTION_KEY: randomBytes(32).toString('hex'),
    ...HIGH_LIMITS,
    ...env,
    DATABASE_URL: databaseUrl
  }
  const app = await buildApp({ ...readConfig(settings), databaseUrl })
  await app.ready()
  await app.warmUp()
  const database = new Client({ connectionString: databaseUrl })
  await database.connect()
  let isClosed = false

  /** Closes once, so that a test may do it before its end. */
  async function close(): Promise<void> {
    if (isClosed) return
    isClosed = true
    await app.close()
    await database.end()
    await rm(dataDir, { recursive: true, force: true })
  }
  t.teardown(close)

  /** Looks at the state itself, beside the app. */
  async function sql<Row extends QueryResultRow>(
    text: string,
    values: unknown[] = []
  ): Promise<Row[]> {
    return (await database.query<Row>(text, values)).rows
  }

  /** Moves Postgres' time, and the app's with it. */
  async function moveTime(seconds: number): Promise<void> {
    await sql(`CREATE OR REPLACE FUNCTION latchkey_now() RETURNS timestamptz LANGUAGE sql STABLE
               PARALLEL SAFE AS $$ SELECT now() + interval '${seconds} seconds' $$`)
    await app.clock.sync()
  }

  /** POSTs JSON. */
  async function post(url: string, body?: object, headers: Record<string, string> = {}) {
    return app.inject({ method: 'POST', url, headers, ...(body !== undefined && { body }) })
  }

  /** GETs, with an access token if one is given. */
  async function get(url: string, accessToken?: string) {
    const headers = accessToken === undefined ? {} : { authorization: `Bearer ${accessToken}` }
    return app.inject({ url, headers })
  }

  return { app, env: settings, databaseUrl, dataDir, sql, moveTime, post, get, close }
}
