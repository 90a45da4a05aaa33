import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { principalOf } from '../http/access.ts'
import { originOf } from '../http/request-origin.ts'
import { problems } from '../http/schemas.ts'
import type { Sessions } from './room.ts'
import { AccessTokenAnswer, ReauthenticateBody } from './schemas.ts'

export const reauthenticationRoutes: FastifyPluginCallbackTypebox<
  Pick<Sessions, 'reauthenticate'>
> = (app, { reauthenticate }, done) => {
  app.post(
    '/auth/reauthenticate',
    {
      config: { access: 'user', limit: 'login' },
      schema: {
        tags: ['sessions'],
        summary: 'Show the password again, for acts that want a young login',
        description:
          'Answers with an access token of the same session and a new `auth_time`. Acts that change something under `/admin` want one of the last five minutes; without it they answer 401 `insufficient_user_authentication` (RFC 9470).',
        security: [{ bearer: [] }],
        body: ReauthenticateBody,
        response: { 200: AccessTokenAnswer, ...problems(400, 401, 413, 415, 422, 429) }
      }
    },
    async (request) => {
      const { password } = request.body
      const shown = { password, deviceCookie: app.readCookie(request, 'device') }
      return reauthenticate(principalOf(request), shown, originOf(request))
    }
  )

  done()
}
