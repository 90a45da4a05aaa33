import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { originOf } from '../http/request-origin.ts'
import { oauthErrors } from '../http/schemas.ts'
import { dpopHeader } from './shown-token.ts'
import type { TokenEndpoint } from './token-endpoint.ts'
import { TokenAnswerBody, TokenRequest } from './token-schemas.ts'

export type TokenRoutesOptions = { token: TokenEndpoint }

export const oauthTokenRoutes: FastifyPluginCallbackTypebox<TokenRoutesOptions> = (
  app,
  { token },
  done
) => {
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
        origin: originOf(request)
      })
    }
  )
  done()
}
