/** How often using a login is written down. */
const SLIDE_EVERY_SECONDS = 60

/** Whether using the session of this name is to be written down again. */
export function isStale(session: string): string {
  return `${session}.last_used_at < latchkey_now() - interval '${SLIDE_EVERY_SECONDS} seconds'`
}

/** Where the live browser login `s` of a cookie is found, whose person may log in. */
export function liveLogin(sessionId: string, secretHash: string): string {
  return `session s JOIN users u ON u.id = s.user_id
     WHERE s.id = ${sessionId}::uuid AND s.secret_hash = ${secretHash}::bytea
       AND s.delivery = 'browser' AND s.revoked_at IS NULL
       AND s.expires_at > latchkey_now() AND s.idle_expires_at > latchkey_now()
       AND u.status = 'active' AND NOT u.must_reset`
}
