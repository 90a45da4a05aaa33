/** Every event there is, and when it is written. docs/audit.md and the webhooks use these names. */
export const AUDIT_EVENTS = {
  'account.registered': 'somebody registered an address, taken or free',
  'account.verified': 'the address was proven: the user exists',
  'account.verification_failed': 'a mail token or typed code did not hold',
  'account.created': 'by an operator, at the command line',
  'account.imported': 'by an operator, from a file of another system',
  'account.erased': 'the person is gone; the trail keeps the bare id',
  'account.disabled': 'by an administrator; every session ended',
  'account.enabled': 'by an administrator',
  'account.unlocked': 'by an administrator or an operator: wrong guesses are forgotten',
  'account.roles_changed': 'by an administrator',
  'account.reset_forced': 'by an administrator: the password opens nothing until it is reset',
  'account.sessions_ended': 'by an administrator',
  'profile.changed': 'by its owner',
  'email.change_requested': 'a mail went to the new address',
  'email.changed': 'the new address was proven',
  'email.change_undone': 'from the old address; sessions ended, a reset is due',
  'email.change_undo_failed': 'the link to take an address back did not hold',
  'account.throttled':
    'the fifth wrong guess in a row, with which the waits begin; `details.lane` says where they are counted',
  'account.locked': 'wrong guesses in a row: the waits have grown, the owner was told',
  'password.changed': 'by its owner, who knew the old one',
  'password.proof_failed': 'a session did not know the password that a sensitive change asks for',
  'password.reset_requested': 'a mail with a link went to the owner',
  'password.reset': 'by that mail; every session ended',
  'password.reset_failed': 'the link or typed code of such a mail did not hold',
  'login.succeeded': 'a session began',
  'login.failed': 'it did not; the person is named only where the password was right',
  'session.ended': 'logout, by its owner; `details.reason` says what else it was',
  'session.reauthenticated':
    'the password was shown again: sensitive acts are open for five minutes',
  'session.reuse_detected':
    'a refresh token that had been spent long ago was shown: the session ended',
  'session.ahead_of_store':
    'a refresh token newer than its row was shown: Postgres had lost commits',
  'outbox.retried': 'by an administrator: a parked message is sent again',
  'outbox.deleted': 'by an administrator: a message that was not sent never will be',
  'webhook.created': 'by an administrator: an endpoint is told events',
  'webhook.changed': 'by an administrator',
  'webhook.deleted': 'by an administrator',
  'webhook.secret_rotated': 'by an administrator; the one before it signs too for a day',
  'webhook.replayed': 'by an administrator: events of the past were sent again',
  'webhook.tested': 'by an administrator: an event to see whether it arrives',
  'webhook.disabled': 'the endpoint said that it is gone (410)',
  'grant.begun': 'a client was given tokens for a person',
  'grant.code_reused': 'an authorization code was shown twice: what it began has ended',
  'device.approved': 'a person let a device in by the code that it showed',
  'device.denied': 'a person refused one',
  'token.exchanged': 'a service traded a token that it was called with for one to call on with',
  'token.revoked': 'a client gave an access token back',
  'consent.given': 'a person let a client in',
  'consent.revoked': 'a person took that back; its sessions ended',
  'client.created': 'by an operator, an administrator, or by dynamic registration',
  'client.changed': 'by the same',
  'client.disabled': 'its tokens are refused, and it gets no more',
  'client.enabled': 'again',
  'client.deleted': 'by the same; its sessions ended',
  'client.secret_rotated': 'a new secret was shown; the old one is valid for a while',
  'initial_access_token.created': 'its holder may register clients, within the policy on it',
  'initial_access_token.revoked': 'no more; clients that it registered stay',
  'signing_key.rotated':
    'another key signs, or will from `details.active_at` on: it was due, or asked for by an operator',
  'signing_key.dropped': 'by an operator: what the keys of a ring had signed is refused',
  'signing_key.imported': 'by an operator: a key that was made elsewhere',
  'data_key.rotated': 'by an operator: a new key takes over; `details` say for what',
  'data_key.destroyed': 'nothing was left under it',
  'key_encryption_key.changed': 'the data keys were wrapped under another one too',
  'key_encryption_key.forgotten': 'the one before opens nothing any more',
  'recovery.completed': 'npm run recover ended what a restored backup cannot vouch for'
} as const

export type AuditEventType = keyof typeof AUDIT_EVENTS

/** Who asked: what every event keeps of the request that caused it. */
export type RequestOrigin = {
  requestId: string
  address: string
  /** Told whose request it turned out to be, once that is known: for the log. */
  tell?: (who: { userId?: string; sessionId?: string | undefined }) => void
}

export type AuditEvent = {
  type: AuditEventType
  origin?: RequestOrigin
  userId?: string
  /** The administrator who did it to `userId`. `origin` is theirs then. */
  actorId?: string
  sessionId?: string
  clientId?: string
  /** Never a secret, an address or a name. */
  details?: Record<string, string | number | boolean>
}
