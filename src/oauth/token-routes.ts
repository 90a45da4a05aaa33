import type { IncomingMessage } from 'node:http'
import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { readPlainParameters } from '../http/plain-parameters.ts'
import { originOf } from '../http/request-origin.ts'
import { oauthErrors } from '../http/schemas.ts'
import type { ShortAnswer } from '../http/short-paths.ts'
import { dpopHeader } from './shown-token.ts'
import { createShortCodeTrade } from './short-code-trade.ts'
import type { RecallCaller } from './client-authentication.ts'
import type { GrantTokens, TokenEndpoint, TradeCode } from './token-endpoint.ts'
import { TokenAnswerBody, TokenRequest } from './token-schemas.ts'

export type TokenRoutesOptions = {
  token: TokenEndpoint
  tradeCode: TradeCode
  grantTokens: GrantTokens
  recallCaller: RecallCaller
}

/** What nearly all clients send, with a code or by themselves; whatever else comes is the schema's to judge. */
const PLAIN_FIELDS = new Set([
  'grant_type',
  'scope',
  'code',
  'redirect_uri',
  'code_verifier',
  'client_id',
  'client_secret'
] as const)
/** Of each of them: the least that the schema lets through. */
const LONGEST = 256
const READY_HEADERS = {
  'access-control-allow-origin': '*',
  'content-type': 'application/json; charset=utf-8',
  pragma: 'no-cache'
}
/** Nothing is written for it, and so no trail wants to know. */
const NOWHERE = { requestId: '', address: '' }

export const oauthTokenRoutes: FastifyPluginCallbackTypebox<TokenRoutesOptions> = (
  app,
  { token, tradeCode, grantTokens, recallCaller },
  done
) => {
  const codes = createShortCodeTrade(tradeCode, (request) => app.addressOf(request))

  function findShort(request: IncomingMessage, body: string) {
    if (request.headers.dpop !== undefined) return null
    const { grant_type, ...more } = readPlainParameters(body, PLAIN_FIELDS, LONGEST) ?? {}
    if (grant_type === undefined) return null
    const form = { grant_type, ...more }
    if (grant_type === 'client_credentials') return findForService(request, form)
    if (grant_type !== 'authorization_code') return null
    return codes.findShort(request, form, READY_HEADERS)
  }

  /** Nothing is spent or begun: the route may have to do it once more. */
  function findForService(
    { headers: { authorization } }: IncomingMessage,
    form: TokenRequest
  ): Promise<ShortAnswer> | null {
    const client = recallCaller(authorization, form)
    if (client === null) return null
    return grantTokens(client, form, { dpop: undefined, origin: NOWHERE }).then((answer) => ({
      headers: READY_HEADERS,
      body: JSON.stringify(answer)
    }))
  }

  app.answerShortly('/oauth/token', 'form', findShort)
  app.post(
    '/oauth/token',
    {
      config: { access: 'public' },
      schema: {
        tags: ['oauth'],
        summary: 'Trade a grant for tokens (RFC 6749 §3.2)',
        security: [{ client: [] }, {}],
        consumes: ['application/x-www-form-urlencoded'],
        body: TokenRequest,
        response: { 200: TokenAnswerBody, ...oauthErrors(400, 401, 413, 415, 429) }
      }
    },
    async (request, reply) => {
      reply.header('pragma', 'no-cache')
      return token(request.body, {
        authorization: request.headers.authorization,
        dpop: dpopHeader(request),
        origin: originOf(request),
        tried: codes.triedBefore(request.raw)
      })
    }
  )
  done()
}
