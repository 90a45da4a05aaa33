import pg from 'pg'
import { idInSql, type Population } from './population.ts'

const WORKERS = 4

/** Statements in any order, several at once. */
export async function inTurn(databaseUrl: string, population: Population, statements: string[]) {
  const waiting = [...statements]
  await inParallel(databaseUrl, population, async (client) => {
    await client.query("SET maintenance_work_mem = '512MB'")
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
      await client.query(next)
  })
}

export async function inParallel(
  databaseUrl: string,
  population: Population,
  work: (client: pg.Client) => Promise<void>
): Promise<void> {
  await Promise.all(
    Array.from({ length: WORKERS }, () => withClient(databaseUrl, population, work))
  )
}

export async function withClient(
  databaseUrl: string,
  population: Population,
  work: (client: pg.Client) => Promise<void>
): Promise<void> {
  const client = new pg.Client(databaseUrl)
  await client.connect()
  try {
    await client.query('SET session_replication_role = replica')
    await client.query('SET synchronous_commit = off')
    await client.query(idInSql(population))
    await work(client)
  } finally {
    await client.end()
  }
}
