const HOUR_SECONDS = 3_600
const DAY_SECONDS = 24 * HOUR_SECONDS

/** Rows of a table that no rule reads any more. */
export type PurgeRule = {
  table: string
  /** What a row's end is judged by: a `timestamptz` that an index leads with, never one that a hot update touches. */
  endsAt: string
  /** How long a row stays after it. */
  keepSeconds: number
  /** What else must hold. */
  only?: string
  /** Who reads such rows, and until when. */
  why: string
}

/**
 * Everything that expires, in the order in which it is deleted. Tables that are not here keep their rows
 * for good; those of them with an `expires_at` are named in {@link KEPT}.
 */
export const PURGE_RULES: readonly PurgeRule[] = [
  {
    table: 'registration',
    endsAt: 'expires_at',
    keepSeconds: DAY_SECONDS + HOUR_SECONDS,
    why: 'a mail that was renewed at the last moment verifies for 24 h more, and judges rivals by these rows; its tokens go with it'
  },
  {
    table: 'username',
    endsAt: 'expires_at',
    keepSeconds: DAY_SECONDS + HOUR_SECONDS,
    why: 'the reservation of a registration, which that late mail still turns into possession; names of users never expire'
  },
  {
    table: 'one_time_token',
    endsAt: 'expires_at',
    keepSeconds: HOUR_SECONDS,
    why: 'spending one asks for an unexpired row; wrong codes are counted elsewhere'
  },
  {
    table: 'attempt_counter',
    endsAt: 'window_ends_at',
    keepSeconds: HOUR_SECONDS,
    why: 'a window that has ended counts from one again, row or no row'
  },
  {
    table: 'guess_lane',
    endsAt: 'updated_at',
    keepSeconds: DAY_SECONDS + HOUR_SECONDS,
    why: 'wrong guesses are forgotten after 24 h without another one; the longest wait is 15 min'
  },
  {
    table: 'known_device',
    endsAt: 'expires_at',
    keepSeconds: HOUR_SECONDS,
    why: 'a browser keeps its own lane for 90 days, which is what expires here'
  },
  {
    table: 'reserved_email',
    endsAt: 'expires_at',
    keepSeconds: HOUR_SECONDS,
    why: 'an address that was left stays reserved for 72 h, as long as the change can be undone'
  },
  {
    table: 'session',
    endsAt: 'expires_at',
    keepSeconds: 30 * DAY_SECONDS,
    why:
      'ended ones too stay until they would have expired: an old refresh token is theft until then, and the last access ' +
      'token outlives them by 15 min; 30 days more tell a device that comes back from a new one'
  },
  {
    table: 'authorization_request',
    endsAt: 'expires_at',
    keepSeconds: HOUR_SECONDS,
    why: 'going on with one asks for an unexpired row'
  },
  {
    table: 'authorization_code',
    endsAt: 'expires_at',
    keepSeconds: 30 * DAY_SECONDS,
    why: 'a code that is shown again ends what it began, for as long as that may live'
  },
  {
    table: 'device_authorization',
    endsAt: 'expires_at',
    keepSeconds: HOUR_SECONDS,
    only: 'spent_at IS NULL',
    why: 'a device code that nobody spent began nothing; anybody may ask for them'
  },
  {
    table: 'device_authorization',
    endsAt: 'expires_at',
    keepSeconds: 30 * DAY_SECONDS,
    only: 'spent_at IS NOT NULL',
    why: 'the same of a device code that was spent'
  },
  {
    table: 'spent_jti',
    endsAt: 'expires_at',
    keepSeconds: HOUR_SECONDS,
    why: 'its assertion or proof is too old to be believed by then'
  },
  {
    table: 'revocation',
    endsAt: 'revoked_at',
    keepSeconds: DAY_SECONDS,
    why: 'read until the longest access token has expired, 16 min with skew'
  },
  {
    table: 'outbox_message',
    endsAt: 'expires_at',
    keepSeconds: 3 * DAY_SECONDS,
    only: '(sent_at IS NOT NULL OR parked_at IS NOT NULL)',
    why: 'what was sent or given up, with its last error for the operator; the text went before'
  }
]

/** Tables whose rows expire and stay, each with the reason. */
export const KEPT: Readonly<Record<string, string>> = {
  client_secret: 'a handful a client: two at most',
  initial_access_token: 'a handful, and their names tell who registered what'
}
