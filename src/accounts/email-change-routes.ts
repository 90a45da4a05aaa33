import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { principalOf } from '../http/access.ts'
import { originOf } from '../http/request-origin.ts'
import { EmailField, PasswordField, problems } from '../http/schemas.ts'
import type { Accounts } from './room.ts'
import { MessageAnswer, UndoEmailChangeBody } from './schemas.ts'

const ChangeEmailBody = Type.Object(
  { email: EmailField, current_password: PasswordField },
  { additionalProperties: false }
)

export const emailChangeRoutes: FastifyPluginCallbackTypebox<Pick<Accounts, 'emailChanges'>> = (
  app,
  { emailChanges },
  done
) => {
  app.post(
    '/users/change-email',
    {
      config: { access: 'user', limit: 'reset' },
      schema: {
        tags: ['profile'],
        summary: 'Move to another address; the mail that goes there confirms it',
        security: [{ bearer: [] }],
        body: ChangeEmailBody,
        response: { 200: MessageAnswer, ...problems(400, 401, 409, 413, 415, 422, 429) }
      }
    },
    async (request) => {
      const { email, current_password: password } = request.body
      const shown = { password, deviceCookie: app.readCookie(request, 'device') }
      await emailChanges.request(principalOf(request).user, email, shown, originOf(request))
      return { message: 'A mail to the new address asks for confirmation.' }
    }
  )

  app.post(
    '/auth/undo-email-change',
    {
      config: { access: 'public', limit: 'reset' },
      schema: {
        tags: ['profile'],
        summary: 'Take a changed address back, by the mail to the old one, for 72 hours',
        body: UndoEmailChangeBody,
        response: { 200: MessageAnswer, ...problems(400, 413, 415, 422, 429) }
      }
    },
    async (request) => {
      await emailChanges.undo(request.body.token, originOf(request))
      return { message: 'The old address is back. Reset your password, then log in.' }
    }
  )

  done()
}
