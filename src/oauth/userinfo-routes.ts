import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
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

  app.get('/oauth/userinfo', { config, schema }, ({ headers, method }) =>
    userinfo(readShownToken(headers), method)
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
    ({ headers, method, body }) => userinfo(readShownToken(headers, body?.access_token), method)
  )
  done()
}
