import { randomBytes } from 'node:crypto'
import { Client, type QueryResultRow } from 'pg'
import type { Test } from 'tap'
import { createChainCheck } from '../../src/audit/chain-check.ts'
import { createChainStore } from '../../src/audit/chain-store.ts'
import type { AuditEvent } from '../../src/audit/events.ts'
import { createAudit } from '../../src/audit/record.ts'
import { createSealStore } from '../../src/audit/seal-store.ts'
import { createAuditTrail } from '../../src/audit/trail.ts'
import { readConfig } from '../../src/config.ts'
import { openPlatform } from '../../src/platform/open-platform.ts'
import { createTestDatabase } from './database.ts'

export const ORIGIN = { requestId: '5f0c1a52-7d1e-4a67-9a5e-000000000000', address: '203.0.113.9' }

export type TestTrail = Awaited<ReturnType<typeof openTrail>>

/** An audit trail on a database of its own, and a look at it as its superuser. */
export async function givenTrail(t: Test) {
  const { url } = await createTestDatabase(t)
  const keyEncryptionKey = randomBytes(32).toString('hex')
  return openTrail(t, { DATABASE_URL: url, KEY_ENCRYPTION_KEY: keyEncryptionKey })
}

/** The trail of a database as one server sees it: written, read, sealed and checked by the real parts. */
export async function openTrail(t: Test, env: Record<string, string>) {
  const databaseUrl = env['DATABASE_URL']!
  const platform = await openPlatform({ ...readConfig(env), databaseUrl }, () => undefined)
  t.teardown(platform.close)
  const { postgres, sealer, clock, dataKeys } = platform
  const superuser = new Client({ connectionString: databaseUrl })
  await superuser.connect()
  t.teardown(() => superuser.end())
  const record = createAudit({ sealer, clock })

  /** Looks at the database and changes it, past every trigger. */
  async function sql<Row extends QueryResultRow>(text: string, values: unknown[] = []) {
    await superuser.query('SET session_replication_role = replica')
    return (await superuser.query<Row>(text, values)).rows
  }

  /** Writes events, in a transaction of their own. */
  async function write(...events: Partial<AuditEvent>[]): Promise<void> {
    await postgres.transaction((tx) =>
      record(
        tx,
        events.map((event) => ({ type: 'login.failed', origin: ORIGIN, ...event }))
      )
    )
  }

  const { sealNext } = createSealStore({ postgres, dataKeys })
  const check = createChainCheck({ store: createChainStore(postgres), dataKeys })
  const { find } = createAuditTrail({ reader: postgres, sealer })

  /** The ids in the order in which they were made. */
  async function ids(): Promise<string[]> {
    return (await sql<{ id: string }>('SELECT id FROM audit_event ORDER BY id')).map(({ id }) => id)
  }

  return { env, databaseUrl, platform, record, write, sealNext, check, find, sql, ids }
}
