import type { RequestOrigin } from '../audit/events.ts'
import { OAuthError } from '../errors.ts'
import type { Client, GrantType } from './client.ts'
import type { AuthenticateClient } from './client-authentication.ts'
import type { VerifyDpop } from './dpop.ts'
import type { AnswerGrant, Granted, TokenAnswer } from './token-answer.ts'
import type { TokenRequest } from './token-schemas.ts'

/** What a grant is given once the shared phases have passed. */
export type GrantCall = {
  form: TokenRequest
  client: Client
  /** The thumbprint of the key that a DPoP proof has shown; null without one. */
  dpopJkt: string | null
  origin: RequestOrigin
}

/** One way of getting tokens; it fills in its own part and cannot forget the others. */
export type Grant = (call: GrantCall) => Promise<Granted>

/** What came beside the form. */
export type TokenCall = {
  authorization: string | undefined
  dpop: string | undefined
  origin: RequestOrigin
  /** What {@link TradeCode} was asked before: it is not asked again. */
  tried?: Promise<TokenAnswer | null> | undefined
}

/**
 * The grant of most calls with a code, the client's authentication included.
 * @returns null for everything that is not that plain, with nothing done
 */
export type QuickCodeGrant = (
  form: TokenRequest,
  call: TokenCall
) => Promise<{ client: Client; granted: Granted } | null>

type GrantTokensCall = Omit<TokenCall, 'authorization'>

export type TokenEndpoint = ReturnType<typeof createTokenEndpoint>['token']
export type TradeCode = ReturnType<typeof createTokenEndpoint>['tradeCode']
/** The endpoint for a client that has proven who it is. */
export type GrantTokens = ReturnType<typeof createTokenEndpoint>['grantTokens']

export type TokenEndpointDeps = {
  authenticateClient: AuthenticateClient
  verifyDpop: VerifyDpop
  issuer: string
  grants: Map<string, Grant>
  /** Phases 2 to 5 in one, for most calls with a code. */
  quickCodeGrant: QuickCodeGrant
  answer: AnswerGrant
}

/** The token endpoint (RFC 6749 §3.2): the same numbered phases for every grant. */
export function createTokenEndpoint(deps: TokenEndpointDeps) {
  const { authenticateClient, verifyDpop, issuer, grants, quickCodeGrant, answer } = deps

  /** @throws {OAuthError} */
  async function token(form: TokenRequest, call: TokenCall): Promise<TokenAnswer> {
    // 1. A grant that exists.
    const grant = requireGrant(form)
    if (form.grant_type === 'authorization_code') {
      const quick = await (call.tried ?? tradeCode(form, call))
      if (quick !== null) return quick
    }
    // 2. A client that proves who it is.
    const client = await authenticateClient(call.authorization, form)
    return carryOut(grant, client, form, call)
  }

  /**
   * Phases 2 to 6 for most calls with a code.
   * @returns null for everything that is not that plain, with nothing done
   * @throws {OAuthError} what is wrong; the code may be spent
   */
  async function tradeCode(form: TokenRequest, call: TokenCall): Promise<TokenAnswer | null> {
    const quick = await quickCodeGrant(form, call)
    return quick && answerTo(quick.client, quick.granted, null, call)
  }

  function requireGrant(form: TokenRequest): Grant {
    const grant = grants.get(form.grant_type)
    if (grant === undefined) {
      throw new OAuthError('unsupported_grant_type', 'This grant type is not supported.')
    }
    return grant
  }

  /** @throws {OAuthError} */
  function grantTokens(
    client: Client,
    form: TokenRequest,
    call: GrantTokensCall
  ): Promise<TokenAnswer> {
    return carryOut(requireGrant(form), client, form, call)
  }

  async function carryOut(
    grant: Grant,
    client: Client,
    form: TokenRequest,
    call: GrantTokensCall
  ): Promise<TokenAnswer> {
    // 3. A grant that it may use.
    if (!client.grantTypes.includes(form.grant_type as GrantType)) {
      throw new OAuthError('unauthorized_client', 'The client may not use this grant type.')
    }
    // 4. A key to bind the tokens to, if one is shown or due (RFC 9449 §5).
    const url = `${issuer}/oauth/token`
    const dpopJkt =
      call.dpop === undefined ? null : await verifyDpop({ proof: call.dpop, method: 'POST', url })
    if (dpopJkt === null && client.requireDpop) {
      throw new OAuthError('invalid_dpop_proof', 'This client has to send a DPoP proof.')
    }
    // 5. The grant's own part.
    const granted = await grant({ form, client, dpopJkt, origin: call.origin })
    return answerTo(client, granted, dpopJkt, call)
  }

  // 6. Tokens.
  async function answerTo(
    client: Client,
    granted: Granted,
    dpopJkt: string | null,
    { origin }: Pick<TokenCall, 'origin'>
  ): Promise<TokenAnswer> {
    if (granted.kind === 'session') {
      origin.tell?.({ userId: granted.session.userId, sessionId: granted.session.id })
    }
    return answer(client, granted, dpopJkt)
  }

  return { token, tradeCode, grantTokens }
}
