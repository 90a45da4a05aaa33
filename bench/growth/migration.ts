// node bench/growth/migration.ts [--rows 5000000 --data DIR]: how long the migration to a table of months takes, step
// by step, and how long somebody who writes events meanwhile is held up at most.
import { cp, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import pg from 'pg'
import { v7 as uuidv7 } from 'uuid'
import { startEmbeddedPostgres } from '../../src/platform/embedded-postgres.ts'
import { applyMigrations } from '../../src/platform/migrate.ts'

const { values: options } = parseArgs({
  options: {
    rows: { type: 'string', default: '5000000' },
    data: { type: 'string', default: join(tmpdir(), 'latchkey-growth') }
  }
})
const PRISMA = join(import.meta.dirname, '../../prisma')
const FIRST_STEP = '20261121155000'

/** The migrations up to one, and no more. */
async function folderUpTo(last: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-prisma-'))
  await cp(PRISMA, folder, { recursive: true })
  for (const name of await readdir(join(folder, 'migrations'))) {
    if (/^\d/.test(name) && name > last)
      await rm(join(folder, 'migrations', name), { recursive: true })
  }
  return folder
}

async function migrateTo(databaseUrl: string, last: string): Promise<number> {
  const folder = await folderUpTo(last)
  const startedAtMs = performance.now()
  await applyMigrations({ databaseUrl, folder })
  await rm(folder, { recursive: true })
  return performance.now() - startedAtMs
}

/** Writes events one after the other. */
async function startWriter(databaseUrl: string) {
  const client = new pg.Client(databaseUrl)
  await client.connect()
  let [slowestMs, isStopping] = [0, false]
  const running = (async () => {
    while (!isStopping) {
      const at = new Date()
      await client.query({
        name: 'write',
        text: 'INSERT INTO audit_event (id, at, type) VALUES ($1, $2, $3)',
        values: [uuidv7({ msecs: at.getTime() }), at, 'login.failed']
      })
      slowestMs = Math.max(slowestMs, Date.now() - at.getTime())
    }
  })()
  return {
    takeSlowestMs: () => {
      const taken = slowestMs
      slowestMs = 0
      return taken
    },
    stop: async () => {
      isStopping = true
      await running
      await client.end()
    }
  }
}

const postgres = await startEmbeddedPostgres({ dataDir: options.data })
const url = Object.assign(new URL(postgres.url), { pathname: 'before_months' }).href
const admin = new pg.Client(postgres.url)
await admin.connect()
try {
  await admin.query('DROP DATABASE IF EXISTS before_months')
  await admin.query('CREATE DATABASE before_months')
  await migrateTo(url, '20261121154')
  const client = new pg.Client(url)
  await client.connect()
  await client.query(
    `INSERT INTO audit_event (id, at, type, user_id, request_id, address_sealed)
     SELECT overlay(gen_random_uuid()::text PLACING
              left(rpad(lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0'), 12) , 8) || '-' ||
              right(lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0'), 4) FROM 1)::uuid,
            at, 'login.succeeded', gen_random_uuid(), gen_random_uuid()::text, sha256(n::text::bytea) || sha256('')
       FROM (SELECT n, now() - n * interval '3 s' AS at FROM generate_series(1, $1::int) AS n) AS row`,
    [Number(options.rows)]
  )
  await client.query('VACUUM ANALYZE audit_event')
  await client.end()
  const writer = await startWriter(url)
  const names = (await readdir(join(PRISMA, 'migrations'))).filter(
    (name) => name >= FIRST_STEP && /^\d/.test(name)
  )
  for (const name of names.sort()) {
    writer.takeSlowestMs()
    const ms = await migrateTo(url, name)
    console.log(
      `${name}: ${ms.toFixed(0)} ms; a writer waited ${writer.takeSlowestMs()} ms at most`
    )
  }
  await writer.stop()
} finally {
  await admin.query('DROP DATABASE IF EXISTS before_months WITH (FORCE)')
  await admin.end()
  await postgres.release()
}
