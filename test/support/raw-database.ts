import pg, { type QueryResultRow } from 'pg'
import type { Teardown } from './database.ts'

/** A look at the state itself, beside the servers that use it. */
export async function openDatabase(t: Teardown, url: string) {
  const client = new pg.Client(url)
  client.on('error', () => undefined) // a server that goes away fails the next look
  await client.connect()
  t.teardown(() => client.end())

  async function sql<Row extends QueryResultRow>(text: string, values: unknown[] = []) {
    return (await client.query<Row>(text, values)).rows
  }

  /** Moves Postgres' time; a server's own clock follows within half a second. */
  async function moveTime(seconds: number): Promise<void> {
    await sql(`CREATE OR REPLACE FUNCTION latchkey_now() RETURNS timestamptz LANGUAGE sql STABLE
               PARALLEL SAFE AS $$ SELECT now() + interval '${seconds} seconds' $$`)
  }

  return { sql, moveTime }
}
