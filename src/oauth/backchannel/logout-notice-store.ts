import type { Outbox } from '../../mail/outbox.ts'
import type { Transaction } from '../../platform/postgres.ts'
import type { Ended } from '../../sessions/end-sessions.ts'
import { FIRST_PARTY_CLIENT } from '../../sessions/session.ts'

/** After a day, nobody waits for a logout any more: the tokens have long expired. */
const NOTICE_SECONDS = 24 * 3_600

/** Which session of which client has ended; the token that says so is signed when it is sent. */
export type LogoutNotice = { clientId: string; userId: string; sid: string }

/** What clients are told when their sessions end: written in the transaction that ends them. */
export function createLogoutNotices(enqueue: Outbox['enqueue']) {
  return async function tellClients(tx: Transaction, ended: Ended[]): Promise<void> {
    const grants = ended.filter(({ clientId }) => clientId !== FIRST_PARTY_CLIENT)
    if (grants.length === 0) return
    const clients = await tx.client.findMany({
      where: {
        id: { in: [...new Set(grants.map(({ clientId }) => clientId))] },
        backchannelLogoutUri: { not: null },
        disabledAt: null
      },
      select: { id: true }
    })
    const listening = new Set(clients.map(({ id }) => id))
    for (const { id, clientId, userId } of grants) {
      if (!listening.has(clientId)) continue
      const notice: LogoutNotice = { clientId, userId, sid: id }
      await enqueue(tx, 'logout_notice', notice, NOTICE_SECONDS)
    }
  }
}
