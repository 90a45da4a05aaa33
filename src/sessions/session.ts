/** The built-in client: first-party logins belong to it, and `/auth`, `/users`, `/admin` take only its tokens. */
export const FIRST_PARTY_CLIENT = 'latchkey'
/** What a first-party token may do at our own API. */
export const FIRST_PARTY_SCOPE = 'account'

/** A live session with what its next tokens say about the person, as Postgres has it at this moment. */
export type LiveSession = {
  id: string
  userId: string
  clientId: string
  scope: string
  generation: number
  rotatedAt: Date
  expiresAt: Date
  idleExpiresAt: Date
  authTime: Date
  amr: string[]
  roles: string[]
  emailSealed: Uint8Array
  emailVerifiedAt: Date | null
  name: string | null
  username: string | null
}

/** How a refresh token travels: in bodies, or in a cookie that no script can read. */
export type Delivery = 'body' | 'cookie'

/** What a session lives by: refresh tokens, or the opaque cookie of a browser at our pages. */
export type SessionDelivery = Delivery | 'browser'

/** Who shows a refresh token, and how: both must be as at the login. */
export type Presenter = { clientId: string; delivery: Delivery }

/** Why a session ended, as its row and the audit trail tell it. */
export type EndReason =
  | 'logout'
  | 'refresh_token_reuse'
  | 'password_changed'
  | 'password_reset'
  | 'account_disabled'
  | 'account_erased'
  | 'session_limit'
  | 'email_change_undone'
  | 'administrator'
  | 'recovery'
