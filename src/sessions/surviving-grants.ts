import type { Connection } from '../platform/postgres.ts'
import { FIRST_PARTY_CLIENT, type Ended } from './session.ts'

/**
 * The grants that outlive the logins which have just ended, for their `offline_access`. Their applications hear
 * of the logout all the same: only the refresh token is spared (Back-Channel Logout §2.5, §2.7).
 */
export async function findSurvivors(tx: Connection, ended: Ended[]): Promise<Ended[]> {
  const logins = ended.filter(({ clientId }) => clientId === FIRST_PARTY_CLIENT)
  if (logins.length === 0) return []
  return tx.query<Ended>(FIND, [logins.map(({ id }) => id)])
}

/** Those that ended with their login are revoked by now. */
const FIND = {
  name: 'session_find_survivors',
  text: `
    SELECT id, user_id AS "userId", client_id AS "clientId" FROM session
     WHERE parent_id = ANY ($1::uuid[]) AND revoked_at IS NULL`
}
