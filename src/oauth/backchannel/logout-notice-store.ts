import type { Outbox } from '../../mail/outbox.ts'
import type { Connection } from '../../platform/postgres.ts'
import { FIRST_PARTY_CLIENT, type Ended } from '../../sessions/session.ts'

/** After a day, nobody waits for a logout any more: the tokens have long expired. */
const NOTICE_SECONDS = 24 * 3_600

const LISTENING = {
  name: 'clients_told_of_logouts',
  text: `
    SELECT id FROM client
     WHERE id = ANY ($1::text[]) AND backchannel_logout_uri IS NOT NULL AND disabled_at IS NULL`
}

/** Which session of which client has ended; the token that says so is signed when it is sent. */
export type LogoutNotice = { clientId: string; userId: string; sid: string }

/** What clients are told when their sessions end: written in the transaction that ends them. */
export function createLogoutNotices(enqueue: Outbox['enqueue']) {
  return async function tellClients(tx: Connection, ended: Ended[]): Promise<void> {
    const grants = ended.filter(({ clientId }) => clientId !== FIRST_PARTY_CLIENT)
    if (grants.length === 0) return
    const clientIds = [...new Set(grants.map(({ clientId }) => clientId))]
    const clients = await tx.query<{ id: string }>(LISTENING, [clientIds])
    const listening = new Set(clients.map(({ id }) => id))
    for (const { id, clientId, userId } of grants) {
      if (!listening.has(clientId)) continue
      const notice: LogoutNotice = { clientId, userId, sid: id }
      await enqueue(tx, 'logout_notice', notice, NOTICE_SECONDS)
    }
  }
}
