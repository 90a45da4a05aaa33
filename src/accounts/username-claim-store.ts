import { hmacSha256 } from '../lib/secrets.ts'
import type { AddressIndex } from '../platform/keys/address-index.ts'
import type { DataKeys } from '../platform/keys/data-keys.ts'
import type { Connection } from '../platform/postgres.ts'

export type ReserveUsername = ReturnType<typeof createUsernameReservations>

/** Which username, for which registration, and for which address: as it is typed canonically, and as it is found. */
export type UsernameReservation = {
  username: string
  holderId: string
  canonicalEmail: string
  emailIndex: AddressIndex
  seconds: number
}

/**
 * One statement decides: it is free, its reservation has expired, or it was reserved for the same address
 * before. That an address was registered with a name is known to whoever did it, so what has become of the
 * address since, or of whoever had it, must change nothing about it while it lasts: a person who got the name
 * keeps it, and a stranger who asks again for this address is answered as if they had not.
 *
 * $3 the address under the newest key, $4 under every one, $6 as a version before found it.
 */
const RESERVE = {
  name: 'username_reserve',
  text: `
    INSERT INTO username AS held (username, holder_id, address_tag, expires_at, reserved_until)
    SELECT $1::text, $2::uuid, $3::bytea, ends_at, ends_at
      FROM (SELECT latchkey_now() + make_interval(secs => $5) AS ends_at) AS reservation
    ON CONFLICT (username) DO UPDATE SET
      holder_id = CASE WHEN held.expires_at IS NULL THEN held.holder_id ELSE excluded.holder_id END,
      expires_at = CASE WHEN held.expires_at IS NOT NULL THEN excluded.expires_at END,
      address_tag = excluded.address_tag,
      reserved_until = excluded.reserved_until
     WHERE held.expires_at <= latchkey_now()
        OR (held.reserved_until > latchkey_now() AND held.address_tag = ANY ($4::bytea[]))
        OR (held.address_tag IS NULL AND held.expires_at IS NOT NULL AND held.holder_id IN
              (SELECT id FROM registration WHERE email_index = $6 OR email_index_next = $6))
    RETURNING 1`
}

/** A reservation outlives the possession that came of it. */
const GIVE_UP = {
  name: 'username_give_up',
  text: `
    WITH given_up AS (
      DELETE FROM username
       WHERE holder_id = $1::uuid AND expires_at IS NULL AND username IS DISTINCT FROM $2::text
         AND (reserved_until IS NULL OR reserved_until <= latchkey_now()))
    UPDATE username SET expires_at = reserved_until
     WHERE holder_id = $1::uuid AND expires_at IS NULL AND username IS DISTINCT FROM $2::text
       AND reserved_until > latchkey_now()`
}

/** Of a canonical address, what its reservations are told by: the newest first. */
export function createAddressTags(dataKeys: DataKeys) {
  return (canonicalEmail: string): Buffer[] =>
    dataKeys
      .ofPurpose('typed_code')
      .map(({ key }) => hmacSha256(key, `username\0${canonicalEmail}`))
}

export function createUsernameReservations(dataKeys: DataKeys) {
  const tagsOf = createAddressTags(dataKeys)

  /**
   * Reserves a username for the owner of an address, whoever that is or becomes.
   * @returns false when it is somebody else's, or reserved for another address
   */
  return async function reserveUsername(
    tx: Connection,
    { username, holderId, canonicalEmail, emailIndex, seconds }: UsernameReservation
  ): Promise<boolean> {
    const tags = tagsOf(canonicalEmail)
    const values = [username, holderId, tags[0], tags, seconds, emailIndex.value]
    return (await tx.query(RESERVE, values)).length === 1
  }
}

/** Gives up the usernames that a person has, but for one; reservations of them last as long as they would have. */
export async function giveUpUsernames(
  tx: Connection,
  holderId: string,
  kept: string | null
): Promise<void> {
  await tx.query(GIVE_UP, [holderId, kept])
}
