import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { principalOf } from '../http/access.ts'
import { originOf } from '../http/request-origin.ts'
import { problems } from '../http/schemas.ts'
import type { AskForReset } from './ask-for-reset.ts'
import type { Passwords } from './passwords.ts'
import {
  ChangePasswordBody,
  ForgotPasswordBody,
  MessageAnswer,
  ResetPasswordBody,
  verificationInput
} from './schemas.ts'

/** One list of the names that a route answers to. */
const FORGOT_PATHS = ['/auth/forgot-password', '/auth/password-reset/request']
const RESET_PATHS = ['/auth/reset-password', '/auth/password-reset/confirm']

export type PasswordRoutesOptions = {
  passwords: Passwords
  askForReset: AskForReset
}

export const passwordRoutes: FastifyPluginCallbackTypebox<PasswordRoutesOptions> = (
  app,
  { passwords, askForReset },
  done
) => {
  for (const path of FORGOT_PATHS) {
    app.post(
      path,
      {
        config: { access: 'public', limit: 'reset' },
        schema: {
          tags: ['passwords'],
          summary: 'Ask for a mail that resets the password; the same answer for every address',
          body: ForgotPasswordBody,
          response: { 200: MessageAnswer, ...problems(400, 403, 413, 415, 422, 429) }
        }
      },
      async (request) => {
        await askForReset(request.body, originOf(request))
        return { message: 'If this address has an account, a mail is on its way.' }
      }
    )
  }

  for (const path of RESET_PATHS) {
    app.post(
      path,
      {
        config: { access: 'public', limit: 'reset', hashes: 'api' },
        schema: {
          tags: ['passwords'],
          summary: 'Set a new password by that mail; ends every session, logs nobody in',
          body: ResetPasswordBody,
          response: { 200: MessageAnswer, ...problems(400, 413, 415, 422, 429) }
        }
      },
      async (request) => {
        const { new_password: newPassword } = request.body
        await passwords.reset(verificationInput(request.body), newPassword, originOf(request))
        return { message: 'The password is set. Log in with it.' }
      }
    )
  }

  app.post(
    '/users/change-password',
    {
      config: { access: 'user' },
      schema: {
        tags: ['passwords'],
        summary: 'Replace the password that you know; ends the other sessions',
        security: [{ bearer: [] }],
        body: ChangePasswordBody,
        response: { 200: MessageAnswer, ...problems(400, 401, 413, 415, 422) }
      }
    },
    async (request) => {
      const { current_password: current, new_password: next } = request.body
      const deviceCookie = app.readCookie(request, 'device')
      const wanted = { current, next, deviceCookie }
      await passwords.change(principalOf(request), wanted, originOf(request))
      return { message: 'The password is changed. Other sessions have ended.' }
    }
  )

  done()
}
