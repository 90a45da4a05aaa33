import type { Postgres } from '../platform/postgres.ts'
import type { ClaimsRequest } from './claims.ts'

export type GrantStore = ReturnType<typeof createGrantStore>

export function createGrantStore(postgres: Postgres) {
  /** Whose grant a live session is, and what it was asked with. */
  async function findLive(
    sessionId: string
  ): Promise<{ userId: string; claims: ClaimsRequest | null } | null> {
    const [row] = await postgres.query<{ userId: string; claims: ClaimsRequest | null }>(
      FIND_LIVE,
      [sessionId]
    )
    return row ?? null
  }

  /** The browser login behind a client's session, which may have ended, and what the session may do. */
  async function findOrigin(
    sessionId: string,
    clientId: string
  ): Promise<{ parentId: string | null; scope: string } | null> {
    const [row] = await postgres.query<{ parentId: string | null; scope: string }>(FIND_ORIGIN, [
      sessionId,
      clientId
    ])
    return row ?? null
  }

  return { findLive, findOrigin }
}

const FIND_LIVE = {
  name: 'grant_find_live',
  text: `
    SELECT s.user_id AS "userId", s.claims FROM session s JOIN users u ON u.id = s.user_id
     WHERE s.id = $1::uuid AND s.revoked_at IS NULL AND s.expires_at > latchkey_now()
       AND u.status = 'active'`
}

const FIND_ORIGIN = {
  name: 'grant_find_origin',
  text: 'SELECT parent_id AS "parentId", scope FROM session WHERE id = $1::uuid AND client_id = $2'
}
