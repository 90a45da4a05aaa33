import { hmacSha256 } from '../lib/secrets.ts'
import type { DataKeys } from '../platform/keys/data-keys.ts'
import type { Connection } from '../platform/postgres.ts'

/** At most `mails` of a kind to one mailbox in so many seconds. */
export type Cap = { mails: number; seconds: number }

export type MailCap = ReturnType<typeof createMailCap>

/** Nobody's mailbox is flooded by somebody else's clicks. Whoever asks is not told. */
export function createMailCap(dataKeys: DataKeys, caps: Cap[]) {
  /**
   * Counts one more mail if there is room for it. The lock makes parallel callers take turns, so that
   * only mails that are really written count.
   * @param kind mails of different kinds do not share a cap
   */
  return async function takeMailSlot(
    tx: Connection,
    kind: string,
    canonicalEmail: string
  ): Promise<boolean> {
    const key = dataKeys.newest('blind_index')
    const mailbox = `mail\0${kind}\0${foldAddress(canonicalEmail)}`
    const keys = caps.map(({ seconds }) => hmacSha256(key, `${mailbox}\0${seconds}`))
    const [, slots] = await Promise.all([
      // By itself: what is counted next has to see what those before have counted.
      tx.query(TAKE_TURNS, [hmacSha256(key, mailbox).readBigInt64BE()]),
      tx.query(TAKE_SLOT, [
        keys,
        caps.map(({ mails }) => mails),
        caps.map(({ seconds }) => seconds)
      ])
    ])
    return slots.length > 0
  }
}

const TAKE_TURNS = { name: 'mail_cap_turns', text: 'SELECT pg_advisory_xact_lock($1::bigint)' }

/**
 * Counts in every window, or, where one of them is full, in none. Each counter is looked up by itself: of a join
 * Postgres may make one that reads the whole table.
 */
const TAKE_SLOT = {
  name: 'mail_cap_take',
  text: `
    WITH slot AS (
      SELECT cap.*, (SELECT counter.window_ends_at > latchkey_now() AND counter.count >= cap.mails
                       FROM attempt_counter counter WHERE counter.key = cap.key) AS is_full
        FROM unnest($1::bytea[], $2::int[], $3::int[]) AS cap (key, mails, seconds)
    )
    INSERT INTO attempt_counter AS counter (key, count, window_ends_at)
    SELECT key, 1, latchkey_now() + make_interval(secs => seconds) FROM slot
     WHERE NOT EXISTS (SELECT FROM slot WHERE is_full)
    ON CONFLICT (key) DO UPDATE SET
      count = CASE WHEN counter.window_ends_at > latchkey_now() THEN counter.count + 1 ELSE 1 END,
      window_ends_at = CASE WHEN counter.window_ends_at > latchkey_now()
                            THEN counter.window_ends_at ELSE excluded.window_ends_at END
    RETURNING key`
}

/** Many mail servers deliver `a.b+c@` to `ab@`: for counting, and for that alone, they are one mailbox. */
function foldAddress(address: string): string {
  const at = address.lastIndexOf('@')
  const [mailbox = ''] = address.slice(0, at).toLowerCase().split('+')
  return mailbox.replaceAll('.', '') + address.slice(at)
}
