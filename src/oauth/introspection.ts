import type { RequestOrigin } from '../audit/events.ts'
import { OAuthError } from '../errors.ts'
import type { FindSessionByToken } from '../sessions/session-lookup.ts'
import type { SignJwt } from '../signing/jwt-signer.ts'
import type { Clock } from '../platform/clock.ts'
import type { AccessTokenClaims } from '../tokens/access-token.ts'
import type { RecallToken, TokenCheck } from '../tokens/token-check.ts'
import { isPublic, type Client } from './client.ts'
import { isMeantFor } from './resources.ts'
import type { Subjects } from './subjects.ts'

/** RFC 7662 §2.2. An inactive token is told nothing else about. */
export type IntrospectionAnswer =
  | { active: false }
  | ({ active: true; token_type: 'Bearer' | 'DPoP' | 'refresh_token' } & Record<string, unknown>)

export type RecalledAnswer = { answer: IntrospectionAnswer; sessionId: string | undefined }

export type Introspection = ReturnType<typeof createIntrospection>

export type IntrospectionDeps = {
  checkToken: TokenCheck
  recallToken: RecallToken
  findSessionByToken: FindSessionByToken
  subjects: Subjects
  signJwt: SignJwt
  clock: Clock
  issuer: string
}

const INACTIVE = { active: false } as const

/** Introspection (RFC 7662): for resource servers that ask instead of verifying by themselves. */
export function createIntrospection(deps: IntrospectionDeps) {
  const { checkToken, recallToken, findSessionByToken, subjects, signJwt, clock, issuer } = deps

  /**
   * @throws {OAuthError} `unauthorized_client` for a caller that cannot prove who it is
   * @throws {UnavailableError} when it cannot be told: 503, never inactive
   */
  async function introspect(
    caller: Client,
    token: string,
    origin: RequestOrigin
  ): Promise<IntrospectionAnswer> {
    if (isPublic(caller)) {
      throw new OAuthError('unauthorized_client', 'Only a client with a secret may introspect.')
    }
    const claims = await checkToken(token, null)
    if (claims === null) return describeRefreshToken(caller, token, origin)
    if (!isMeantFor(caller, claims)) return INACTIVE
    // Of another client's token `sub` may be a pseudonym, which is nobody's id.
    origin.tell?.({ sessionId: claims.sid })
    return describe(claims)
  }

  /**
   * The same from memory, of an access token and for a caller that has a secret.
   * @returns undefined where {@link introspect} has to say
   */
  function recall(caller: Client, token: string): RecalledAnswer | undefined {
    const claims = recallToken(token, null)
    if (claims === null) return undefined
    if (!isMeantFor(caller, claims)) return { answer: INACTIVE, sessionId: undefined }
    return { answer: describe(claims), sessionId: claims.sid }
  }

  /** A refresh token is its own client's business only, and only the newest one is live. */
  async function describeRefreshToken(
    caller: Client,
    token: string,
    origin: RequestOrigin
  ): Promise<IntrospectionAnswer> {
    const session = await findSessionByToken(token, caller.id)
    if (session === null || !session.isNewest) return INACTIVE
    origin.tell?.({ userId: session.userId, sessionId: session.id })
    return {
      active: true,
      token_type: 'refresh_token',
      iss: issuer,
      sub: subjects.subjectOf(caller, session.userId),
      client_id: caller.id,
      scope: session.scope,
      exp: Math.floor(session.endsAt.getTime() / 1_000)
    }
  }

  /** The same as a JWT, for callers that keep it as evidence (RFC 9701 §5). */
  async function introspectSigned(
    caller: Client,
    token: string,
    origin: RequestOrigin
  ): Promise<string> {
    const answer = await introspect(caller, token, origin)
    const iat = Math.floor(clock.now().getTime() / 1_000)
    return signJwt('token-introspection+jwt', {
      iss: issuer,
      aud: caller.id,
      iat,
      token_introspection: answer
    })
  }

  return { introspect, introspectSigned, recall }
}

/** A token that is asked about again has the same claims, remembered with it: so is what they say. */
const answers = new WeakMap<AccessTokenClaims, IntrospectionAnswer>()

function describe(claims: AccessTokenClaims): IntrospectionAnswer {
  const known = answers.get(claims)
  if (known !== undefined) return known
  const tokenType = claims.cnf === undefined ? ('Bearer' as const) : ('DPoP' as const)
  const answer = { active: true as const, token_type: tokenType, ...claims }
  answers.set(claims, answer)
  return answer
}
