import type { User } from '../accounts/user.ts'
import type { GrantSession } from '../sessions/session.ts'
import type { RefreshTokenOf } from '../sessions/token-pair.ts'
import type { AccessTokens, ActorClaim } from '../tokens/access-token.ts'
import type { TokenIdentity } from '../tokens/token-identity.ts'
import { claimsWithin, type ClaimsRequest } from './claims.ts'
import type { Client } from './client.ts'
import type { IssueIdToken } from './id-token.ts'
import { narrowAudience } from './resources.ts'
import type { Subjects } from './subjects.ts'

/** RFC 6749 §5.1, OpenID Connect Core §3.1.3.3, RFC 8693 §2.2.1. `expires_in` is seconds. */
export type TokenAnswer = {
  access_token: string
  token_type: 'Bearer' | 'DPoP' | 'N_A'
  expires_in: number
  scope: string
  refresh_token?: string
  id_token?: string
  issued_token_type?: string
}

/** What a grant has come to; the endpoint makes the answer of it. */
export type Granted =
  /** A person's session, begun or gone on with. */
  | {
      kind: 'session'
      session: GrantSession
      secret: Buffer
      scope: string
      resources: string[]
      nonce: string | null
      claims: ClaimsRequest | null
    }
  /** A client that comes by itself. */
  | { kind: 'client'; scope: string; audience: string[] }
  /** A token made from another (RFC 8693): never wider, never longer. */
  | {
      kind: 'exchanged'
      sub: string
      sid: string | null
      scope: string
      audience: string[]
      roles: string[] | null
      authTime: number | null
      amr: string[] | null
      act: ActorClaim
      exchangedFrom: TokenIdentity[]
      /** Seconds since 1970: nothing made from a token outlives it. */
      expiresAt: number
      ttlSeconds: number
    }

export type AnswerGrant = ReturnType<typeof createTokenAnswers>

export type TokenAnswersDeps = {
  accessTokens: AccessTokens
  issueIdToken: IssueIdToken
  refreshTokenOf: RefreshTokenOf
  subjects: Subjects
  findUser: (id: string) => Promise<User | null>
  issuer: string
}

/** Turns what a grant has come to into tokens. */
export function createTokenAnswers(deps: TokenAnswersDeps) {
  const { accessTokens, issueIdToken, refreshTokenOf, subjects, findUser, issuer } = deps

  async function answer(
    client: Client,
    granted: Granted,
    dpopJkt: string | null
  ): Promise<TokenAnswer> {
    switch (granted.kind) {
      case 'session':
        return answerSession(client, granted)
      case 'client':
        return answerClient(client, granted, dpopJkt)
      case 'exchanged':
        return answerExchange(client, granted, dpopJkt)
    }
  }

  async function answerSession(
    client: Client,
    granted: Extract<Granted, { kind: 'session' }>
  ): Promise<TokenAnswer> {
    const { session, secret, scope, resources, nonce } = granted
    // What the client lost between the agreement and now it is not told (SECURITY T6).
    const claims = granted.claims === null ? null : claimsWithin(granted.claims, client.scopes)
    const sub = subjects.subjectOf(client, session.userId)
    const { dpopJkt } = session
    const accessToken = await accessTokens.issue(
      {
        sub,
        client_id: client.id,
        scope,
        sid: session.id,
        ...(client.showsRoles && { roles: session.roles }),
        auth_time: Math.floor(session.authTime.getTime() / 1_000),
        amr: session.amr,
        ...bound(dpopJkt)
      },
      {
        audience: narrowAudience(session.audience, resources, { issuer, scope }),
        ttlSeconds: lifeOf(client),
        alg: client.accessTokenAlg
      }
    )
    const isOpenId = scope.split(' ').includes('openid')
    const wantsClaims = Object.keys(claims?.id_token ?? {}).length > 0
    const user = isOpenId && wantsClaims ? await findUser(session.userId) : null
    return {
      ...body(accessToken, { client, scope, dpopJkt }),
      ...(client.grantTypes.includes('refresh_token') && {
        refresh_token: refreshTokenOf(session, secret).refresh_token
      }),
      ...(isOpenId && {
        id_token: await issueIdToken({
          session,
          sub,
          accessToken,
          nonce,
          alg: client.idTokenAlg,
          user,
          claims
        })
      })
    }
  }

  async function answerClient(
    client: Client,
    { scope, audience }: Extract<Granted, { kind: 'client' }>,
    dpopJkt: string | null
  ): Promise<TokenAnswer> {
    const subject = { sub: client.id, client_id: client.id, scope, ...bound(dpopJkt) }
    const reach = {
      audience: audience.length > 0 ? audience : [issuer],
      ttlSeconds: lifeOf(client),
      alg: client.accessTokenAlg
    }
    return body(await accessTokens.issue(subject, reach), { client, scope, dpopJkt })
  }

  async function answerExchange(
    client: Client,
    granted: Extract<Granted, { kind: 'exchanged' }>,
    dpopJkt: string | null
  ): Promise<TokenAnswer> {
    const { sub, sid, scope, audience, roles, authTime, amr, act, exchangedFrom } = granted
    const ttlSeconds = Math.min(granted.ttlSeconds, lifeOf(client))
    const accessToken = await accessTokens.issue(
      {
        sub,
        client_id: client.id,
        scope,
        ...(sid !== null && { sid }),
        ...(roles !== null && { roles }),
        ...(authTime !== null && { auth_time: authTime }),
        ...(amr !== null && { amr }),
        act,
        exchanged_from: exchangedFrom,
        ...bound(dpopJkt)
      },
      { audience, ttlSeconds, notAfter: granted.expiresAt, alg: client.accessTokenAlg }
    )
    return {
      ...body(accessToken, { client, scope, dpopJkt }),
      expires_in: ttlSeconds,
      issued_token_type: 'urn:ietf:params:oauth:token-type:access_token'
    }
  }

  function lifeOf({ accessTokenTtlSeconds }: Client): number {
    return accessTokenTtlSeconds ?? accessTokens.ttlSeconds
  }

  function body(
    accessToken: string,
    { client, scope, dpopJkt }: { client: Client; scope: string; dpopJkt: string | null }
  ): TokenAnswer {
    return {
      access_token: accessToken,
      token_type: dpopJkt === null ? 'Bearer' : 'DPoP',
      expires_in: lifeOf(client),
      scope
    }
  }

  return answer
}

function bound(dpopJkt: string | null): { cnf?: { jkt: string } } {
  return dpopJkt === null ? {} : { cnf: { jkt: dpopJkt } }
}
