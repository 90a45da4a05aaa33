import type { Connection } from '../platform/postgres.ts'

/** The person first, as whoever spends the token does. */
const KILL = {
  name: 'pending_change_kill',
  text: `
    WITH person AS (SELECT id FROM users WHERE id = $1::uuid FOR UPDATE)
    UPDATE one_time_token SET spent_at = latchkey_now() FROM person
     WHERE user_id = person.id AND purpose = 'change_email' AND spent_at IS NULL`
}

/**
 * A change of address that waits to be confirmed leads nowhere any more: whoever ends all sessions may be rid
 * of somebody who asked for it. The way back from a change that happened stays.
 */
export async function killPendingChanges(tx: Connection, userId: string): Promise<void> {
  await tx.query(KILL, [userId])
}
