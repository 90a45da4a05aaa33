/** What a life of access tokens may be set to, for all and for one client. */
export const ACCESS_TOKEN_SECONDS = { minimum: 300, maximum: 900 } as const

/** The life of an ID token: it says who logged in, and is looked at once. */
export const ID_TOKEN_SECONDS = 600

/**
 * The longest life that any token has which others verify by the published keys. It is the bound of the
 * settings and not what is set now: a client may be given a longer life, and lose it again, at any moment of a
 * rotation.
 */
export const LONGEST_TOKEN_SECONDS = Math.max(ACCESS_TOKEN_SECONDS.maximum, ID_TOKEN_SECONDS)
