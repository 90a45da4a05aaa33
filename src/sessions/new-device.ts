import { userPlace } from '../accounts/user.ts'
import type { RequestOrigin } from '../audit/events.ts'
import { UnavailableError } from '../errors.ts'
import { coarseAddress } from '../lib/coarse-address.ts'
import { utcMinute } from '../lib/utc-text.ts'
import type { MailCap } from '../mail/mail-cap.ts'
import type { EnqueueMail } from '../mail/outbox.ts'
import type { Sealer } from '../platform/keys/sealer.ts'
import type { Connection } from '../platform/postgres.ts'

const MAIL_SECONDS = 24 * 3_600
/** Logins of a person whose networks a new one is held against, the latest. */
const NETWORKS_REMEMBERED = 100

/** What the logins before this one say of it; `first` has none before. */
export type FormerLogins = {
  standing: 'known browser' | 'known name' | 'new' | 'first'
  /** Where those before came from, for a known name: the sessions, and the address of each, sealed. */
  networkIds: string[]
  networks: Uint8Array[]
}

/**
 * Columns of {@link FormerLogins} and the CTEs that they need, for the person $2, the name $8 and a browser
 * that is known by its cookie, $14. Sessions that a new password ended may have been a thief's, and vouch for
 * nothing. The trail remembers logins whose sessions were purged: whoever comes back after months is told too.
 * It is asked where no session is left, for it has an index for each month; and by the index of persons, never by
 * that of types: Postgres takes that one for a month that had no login when its statistics were made.
 */
export const FORMER_LOGINS = {
  ctes: `
    named AS MATERIALIZED (
      SELECT NOT $14::boolean AND EXISTS (
        SELECT FROM session WHERE ${vouchesFor('$2')} AND device IS NOT DISTINCT FROM $8::text) AS is_known
    ), latest AS (
      SELECT id, address_sealed FROM session
       WHERE (SELECT is_known FROM named) AND ${vouchesFor('$2')} AND address_sealed IS NOT NULL
       ORDER BY id DESC LIMIT ${NETWORKS_REMEMBERED}
    )`,
  columns: `
           CASE WHEN $14::boolean THEN 'known browser'
                WHEN (SELECT is_known FROM named) THEN 'known name'
                WHEN EXISTS (SELECT FROM session WHERE user_id = $2::uuid) THEN 'new'
                WHEN EXISTS (SELECT FROM (SELECT user_id, type || '' AS type FROM audit_event) AS trail
                              WHERE user_id = $2::uuid AND type = 'login.succeeded')
                THEN 'new' ELSE 'first' END AS standing,
           array(SELECT id FROM latest ORDER BY id DESC) AS "networkIds",
           array(SELECT address_sealed FROM latest ORDER BY id DESC) AS networks`
}

function vouchesFor(userId: string): string {
  return `user_id = ${userId}::uuid AND parent_id IS NULL
         AND coalesce(revoke_reason, '') NOT IN ('password_changed', 'password_reset')`
}

/** Where a session's address stands sealed. */
export const addressPlace = (id: string) => ({
  table: 'session',
  column: 'address_sealed',
  row: id
})

/** Whom a login is told to. */
type Owner = { id: string; emailSealed: Uint8Array; locale: string | null }

export type NewDevices = ReturnType<typeof createNewDevices>

export type NewDevicesDeps = {
  sealer: Sealer
  takeMailSlot: MailCap
  enqueueMail: EnqueueMail
  issuer: string
}

/** Logins on what a person has not used before, which they are told of. */
export function createNewDevices({ sealer, takeMailSlot, enqueueMail, issuer }: NewDevicesDeps) {
  /**
   * Anybody can call their browser what its owner's is called. So what has no cookie of ours is known by two
   * things together: its name, and the network that it comes from, each from any login before.
   */
  function isNew({ standing, networkIds, networks }: FormerLogins, address: string): boolean {
    if (standing !== 'known name') return standing === 'new'
    const network = coarseAddress(address)
    return !networks.some((sealed, at) => networkOf(networkIds[at] ?? '', sealed) === network)
  }

  /** @returns null for what nobody can open: it keeps nobody from logging in */
  function networkOf(id: string, sealed: Uint8Array): string | null {
    try {
      return coarseAddress(sealer.open(sealed, addressPlace(id)))
    } catch (error) {
      if (error instanceof UnavailableError) throw error
      return null
    }
  }

  async function tell(
    tx: Connection,
    { id, emailSealed, locale }: Owner,
    { device, origin, now }: { device: string | null; origin: RequestOrigin; now: Date }
  ): Promise<void> {
    const to = sealer.open(emailSealed, userPlace(id, 'email_sealed'))
    if (!(await takeMailSlot(tx, 'new-device', to))) return
    const data = {
      issuer,
      device,
      address: coarseAddress(origin.address),
      at: `${utcMinute(now)} UTC`,
      resetLink: `${issuer}/forgot-password`
    }
    await enqueueMail(tx, { template: 'new-device', to, locale, data }, MAIL_SECONDS, id)
  }

  return { isNew, tell }
}
