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
  /** Resource servers that an OAuth grant is for; empty for first-party sessions. */
  audience: string[]
  /** The key that its tokens are bound to (RFC 9449), as a thumbprint. */
  dpopJkt: string | null
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

/** The same without what only our own applications are told of the person. */
export type GrantSession = Omit<
  LiveSession,
  'emailSealed' | 'emailVerifiedAt' | 'name' | 'username'
>

/** How a refresh token travels: in bodies, or in a cookie that no script can read. */
export type Delivery = 'body' | 'cookie'

/** What a session lives by: refresh tokens, or the opaque cookie of a browser at our pages. */
export type SessionDelivery = Delivery | 'browser'

/** Who shows a refresh token, how, and with which key: all must be as at the login. */
export type Presenter = {
  clientId: string
  delivery: Delivery
  /** The thumbprint that a DPoP proof has shown; null without one. */
  dpopJkt: string | null
  /** How long the client's sessions may lie unused. */
  idleSeconds: number
}

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
  | 'code_reuse'
  | 'token_revoked'
  | 'consent_revoked'
  | 'client_removed'

/** A session that has just ended, as its client hears of it; so does that of a grant which outlives its login. */
export type Ended = { id: string; userId: string; clientId: string }
