import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { originOf } from '../http/request-origin.ts'
import { oauthErrors } from '../http/schemas.ts'
import { readShownToken } from './shown-token.ts'
import type { Userinfo, UserinfoAnswer } from './userinfo.ts'

const UserinfoForm = Type.Union([
  Type.Object({ access_token: Type.Optional(Type.String({ maxLength: 16_384 })) }),
  Type.Null()
])
const UserinfoBody = Type.Object({ sub: Type.String() }, { additionalProperties: true })

export type UserinfoRoutesOptions = { userinfo: Userinfo }

export const userinfoRoutes: FastifyPluginCallbackTypebox<UserinfoRoutesOptions> = (
  app,
  { userinfo },
  done
) => {
  const schema = {
    tags: ['oauth'],
    summary: 'Who the token is for (OpenID Connect Core §5.3)',
    security: [{ bearer: [] }],
    response: {
      200: {
        description: 'A JWT for a client with userinfo_signed_response_alg (§5.3.2)',
        content: {
          'application/json': { schema: UserinfoBody },
          'application/jwt': { schema: Type.String() }
        }
      },
      ...oauthErrors(400, 401, 403)
    }
  }
  const config = { access: 'public' as const }

  app.get('/oauth/userinfo', { config, schema }, async (request, reply) =>
    send(reply, await userinfo(readShownToken(request.headers), callOf(request)))
  )

  app.post(
    '/oauth/userinfo',
    {
      config,
      schema: {
        ...schema,
        consumes: ['application/x-www-form-urlencoded'],
        body: UserinfoForm
      }
    },
    async (request, reply) => {
      const shown = readShownToken(request.headers, request.body?.access_token)
      return send(reply, await userinfo(shown, callOf(request)))
    }
  )
  done()
}

function callOf(request: FastifyRequest) {
  return { method: request.method, origin: originOf(request) }
}

function send(reply: FastifyReply, answer: UserinfoAnswer): FastifyReply {
  if (answer.kind === 'json') return reply.send(answer.claims)
  return reply
    .type('application/jwt')
    .serializer((jwt: unknown) => String(jwt))
    .send(answer.jwt)
}
