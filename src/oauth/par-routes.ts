import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { oauthErrors } from '../http/schemas.ts'
import { AuthorizationParameters } from './authorize/parameters.ts'
import type { PushRequest } from './authorize/pushed.ts'
import type { AuthenticateClient } from './client-authentication.ts'
import type { VerifyDpop } from './dpop.ts'
import { dpopHeader } from './shown-token.ts'
import { CLIENT_PARAMETERS } from './token-schemas.ts'

const PushedForm = Type.Object({ ...AuthorizationParameters.properties, ...CLIENT_PARAMETERS })
const PushedAnswerBody = Type.Object({ request_uri: Type.String(), expires_in: Type.Integer() })

export type ParRoutesOptions = {
  authenticateClient: AuthenticateClient
  pushRequest: PushRequest
  verifyDpop: VerifyDpop
  issuer: string
}

/** RFC 9126. */
export const parRoutes: FastifyPluginCallbackTypebox<ParRoutesOptions> = (
  app,
  { authenticateClient, pushRequest, verifyDpop, issuer },
  done
) => {
  app.post(
    '/oauth/par',
    {
      config: { access: 'public', limit: 'authorize' },
      schema: {
        tags: ['oauth'],
        summary: 'Push an authorization request, and send the browser with a reference (RFC 9126)',
        security: [{ client: [] }, {}],
        consumes: ['application/x-www-form-urlencoded'],
        body: PushedForm,
        response: { 201: PushedAnswerBody, ...oauthErrors(400, 401, 413, 415, 429) }
      }
    },
    async (request, reply) => {
      const { client_secret, client_assertion, client_assertion_type, ...parameters } = request.body
      const { client_id } = parameters
      const client = await authenticateClient(request.headers.authorization, {
        client_id,
        client_secret,
        client_assertion,
        client_assertion_type
      })
      const proof = dpopHeader(request)
      const url = `${issuer}/oauth/par`
      const jkt = proof === undefined ? null : await verifyDpop({ proof, method: 'POST', url })
      return reply.code(201).send(await pushRequest(client, parameters, jkt))
    }
  )
  done()
}
