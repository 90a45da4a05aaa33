import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'

const APPLICATION = 'latchkey presence'
const DATABASE = 'latchkey'
/** Held shared by every process that uses the cluster. Who gets it alone is the last one. */
const PRESENCE_LOCK = 0x6c61746368

/** The typings of pg leave these two out. */
export type Presence = pg.Client & Record<'ref' | 'unref', () => void>

/**
 * One idle connection that tells the others: somebody is still here. It creates the database on
 * the way in, and does not keep a finished script from ending.
 */
export async function joinCluster(port: number, password: string): Promise<Presence> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port,
    user: 'postgres',
    password,
    database: 'postgres',
    ssl: false,
    application_name: APPLICATION,
    connectionTimeoutMillis: 5_000,
    query_timeout: 10_000
  }) as Presence
  client.on('error', () => {}) // a server that goes away is noticed by those who work with it
  try {
    await client.connect()
    await client.query('SELECT pg_advisory_lock_shared($1)', [PRESENCE_LOCK])
    await createDatabase(client)
  } catch (error) {
    void client.end().catch(() => {})
    throw error
  }
  client.unref()
  return client
}

/**
 * Gives up the presence. While the lock is held alone nobody else can join, so a newcomer either
 * was here before or finds the server stopped and starts it again.
 */
export async function isLastOne(client: Presence): Promise<boolean> {
  client.ref()
  await client.query('SELECT pg_advisory_unlock_shared($1)', [PRESENCE_LOCK])
  const lock = await client.query<{ alone: boolean }>('SELECT pg_try_advisory_lock($1) AS alone', [
    PRESENCE_LOCK
  ])
  if (lock.rows[0]?.alone !== true) return false
  for (let look = 0; look < 5; look++) {
    if (!(await hasOthers(client))) return true
    await sleep(20) // a connection that was just closed is listed a moment longer
  }
  return false
}

async function hasOthers(client: Presence): Promise<boolean> {
  const others = await client.query(
    `SELECT FROM pg_stat_activity
      WHERE backend_type = 'client backend' AND application_name <> $1 LIMIT 1`,
    [APPLICATION]
  )
  return others.rowCount !== 0
}

async function createDatabase(client: pg.Client): Promise<void> {
  const found = await client.query('SELECT FROM pg_database WHERE datname = $1', [DATABASE])
  if (found.rowCount !== 0) return
  await client.query(`CREATE DATABASE ${DATABASE}`).catch((error: unknown) => {
    const { code } = error as pg.DatabaseError
    const madeMeanwhile = code === '42P04' || code === '23505'
    if (!madeMeanwhile) throw error
  })
}
