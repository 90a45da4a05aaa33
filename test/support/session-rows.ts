import type { TestApp } from './app.ts'

export type SessionRow = {
  generation: number
  revoked_at: Date | null
  revoke_reason: string | null
  expires_at: Date
}

/** A session as Postgres has it. */
export async function sessionRow(app: TestApp, id: string): Promise<SessionRow> {
  const [row] = await app.sql<SessionRow>(
    'SELECT generation, revoked_at, revoke_reason, expires_at FROM session WHERE id = $1',
    [id]
  )
  if (row === undefined) throw new Error(`There is no session ${id}.`)
  return row
}

/** Which of these sessions live, in the order given. */
export async function liveOnes(app: TestApp, ids: string[]): Promise<string[]> {
  const rows = await app.sql<{ id: string }>(
    'SELECT id FROM session WHERE id = ANY($1::uuid[]) AND revoked_at IS NULL',
    [ids]
  )
  const live = new Set(rows.map(({ id }) => id))
  return ids.filter((id) => live.has(id))
}

export type EventRow = {
  type: string
  user_id: string | null
  session_id: string | null
  client_id: string | null
  request_id: string | null
  address_sealed: Buffer | null
  details: Record<string, unknown>
}

/** What the audit trail says about a session, oldest first. */
export async function eventsOf(app: TestApp, sessionId: string): Promise<EventRow[]> {
  return app.sql<EventRow>(
    `SELECT type, user_id, session_id, client_id, request_id, address_sealed, details
       FROM audit_event WHERE session_id = $1 ORDER BY at, id`,
    [sessionId]
  )
}
