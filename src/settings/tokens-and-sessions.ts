import { integer, list, listOf } from '../lib/setting-parsers.ts'
import { ACCESS_TOKEN_SECONDS } from '../tokens/lifetimes.ts'
import { DAY_SECONDS, optional } from './setting.ts'

/** What tokens say and how long they and their sessions last. */
export const TOKENS_AND_SESSIONS = {
  accessTokenTtlSeconds: optional(
    'ACCESS_TOKEN_TTL_SECONDS',
    'Life of an access token',
    integer(ACCESS_TOKEN_SECONDS.minimum, ACCESS_TOKEN_SECONDS.maximum),
    600
  ),
  accessTokenAudience: optional(
    'ACCESS_TOKEN_AUDIENCE',
    'More values for `aud` of first-party tokens, beside the issuer',
    list,
    [],
    'none'
  ),
  accessTokenClaims: optional(
    'ACCESS_TOKEN_CLAIMS',
    'Personal claims that access tokens carry: any of `email email_verified name username`',
    listOf('email', 'email_verified', 'name', 'username'),
    [],
    'none'
  ),
  refreshIdleSeconds: optional(
    'REFRESH_IDLE_SECONDS',
    'A session ends when it was not refreshed for so long',
    integer(60, 365 * DAY_SECONDS),
    14 * DAY_SECONDS
  ),
  refreshAbsoluteSeconds: optional(
    'REFRESH_ABSOLUTE_SECONDS',
    'A session ends so long after the login, whatever happens',
    integer(60, 365 * DAY_SECONDS),
    30 * DAY_SECONDS
  ),
  refreshGraceSeconds: optional(
    'REFRESH_GRACE_SECONDS',
    'How long a refresh whose answer was lost may be repeated',
    integer(0, 60),
    10
  ),
  sessionsPerUser: optional(
    'SESSIONS_PER_USER',
    'Sessions that a person keeps; the next login ends the least recently used one',
    integer(1, 10_000),
    100
  )
}
