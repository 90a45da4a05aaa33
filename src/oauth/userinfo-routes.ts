import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { originOf } from '../http/request-origin.ts'
import { oauthErrors } from '../http/schemas.ts'
import { readShownToken } from './shown-token.ts'
import type { Userinfo } from './userinfo.ts'

const UserinfoForm = Type.Union([
  Type.Object({ access_token: Type.Optional(Type.String({ maxLength: 16_384 })) }),
  Type.Null()
])
const UserinfoAnswer = Type.Object({ sub: Type.String() }, { additionalProperties: true })

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
    response: { 200: UserinfoAnswer, ...oauthErrors(400, 401, 403) }
  }
  const config = { access: 'public' as const }

  app.get('/oauth/userinfo', { config, schema }, (request) =>
    userinfo(readShownToken(request.headers), callOf(request))
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
    (request) =>
      userinfo(readShownToken(request.headers, request.body?.access_token), callOf(request))
  )
  done()
}

function callOf(request: FastifyRequest) {
  return { method: request.method, origin: originOf(request) }
}
