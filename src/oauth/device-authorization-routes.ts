import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { oauthErrors } from '../http/schemas.ts'
import type { AuthenticateClient } from './client-authentication.ts'
import type { DeviceAuthorization } from './device/device-authorization.ts'
import { CLIENT_PARAMETERS, TokenRequest } from './token-schemas.ts'

const { scope, resource } = TokenRequest.properties
const DeviceForm = Type.Object({ ...CLIENT_PARAMETERS, scope, resource })

const DeviceAnswerBody = Type.Object({
  device_code: Type.String(),
  user_code: Type.String(),
  verification_uri: Type.String(),
  verification_uri_complete: Type.String(),
  expires_in: Type.Integer(),
  interval: Type.Integer()
})

export type DeviceAuthorizationRoutesOptions = {
  authenticateClient: AuthenticateClient
  deviceAuthorization: DeviceAuthorization
}

/** RFC 8628 §3.1. */
export const deviceAuthorizationRoutes: FastifyPluginCallbackTypebox<
  DeviceAuthorizationRoutesOptions
> = (app, { authenticateClient, deviceAuthorization }, done) => {
  app.post(
    '/oauth/device_authorization',
    {
      config: { access: 'public', limit: 'authorize' },
      schema: {
        tags: ['oauth'],
        summary: 'Begin to log in on a device without a browser (RFC 8628)',
        security: [{ client: [] }, {}],
        consumes: ['application/x-www-form-urlencoded'],
        body: DeviceForm,
        response: { 200: DeviceAnswerBody, ...oauthErrors(400, 401, 413, 415, 429) }
      }
    },
    async ({ headers, body }) => {
      const client = await authenticateClient(headers.authorization, body)
      return deviceAuthorization.begin(client, body)
    }
  )
  done()
}
