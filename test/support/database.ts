import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'

/** What of a tap test these need. */
export type Teardown = {
  teardown(task: () => Promise<unknown>): unknown
}

const PATIENCE_MS = 20_000
const IN_USE = '55006'

/** A migrated, empty database of the test's own. */
export async function createTestDatabase(t: Teardown): Promise<{ url: string }> {
  return cloneDatabase(toDatabase(maintenanceUrl(), 'latchkey_template'), t)
}

/** A copy of a database that nobody is connected to. */
export async function cloneDatabase(url: string, t: Teardown): Promise<{ url: string }> {
  return createDatabase(t, new URL(url).pathname.slice(1))
}

/** A database without any table. */
export async function createEmptyDatabase(t: Teardown): Promise<{ url: string }> {
  return createDatabase(t, 'template0')
}

async function createDatabase(t: Teardown, template: string): Promise<{ url: string }> {
  const name = `test_${randomBytes(8).toString('hex')}`
  const deadline = performance.now() + PATIENCE_MS
  for (;;) {
    try {
      await maintain(`CREATE DATABASE ${name} TEMPLATE "${template}"`)
      break
    } catch (error) {
      const isBusy = error instanceof pg.DatabaseError && error.code === IN_USE
      if (!isBusy || performance.now() > deadline) throw error
      await sleep(50)
    }
  }
  t.teardown(() => maintain(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`))
  return { url: toDatabase(maintenanceUrl(), name) }
}

async function maintain(statement: string): Promise<void> {
  const client = new pg.Client(maintenanceUrl())
  await client.connect()
  await client.query(statement).finally(() => client.end())
}

function maintenanceUrl(): string {
  const url = process.env['TEST_DATABASE_URL']
  if (url === undefined || url === '')
    throw new Error('TEST_DATABASE_URL is not set: run the tests through npm test.')
  return url
}

function toDatabase(url: string, name: string): string {
  return Object.assign(new URL(url), { pathname: name }).href
}
