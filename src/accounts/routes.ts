import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import type { Captcha } from '../abuse/captcha.ts'
import { principalOf } from '../http/access.ts'
import { originOf } from '../http/request-origin.ts'
import { problems } from '../http/schemas.ts'
import type { MailRequests } from './mail-requests.ts'
import type { Registrations } from './registration.ts'
import {
  MessageAnswer,
  RegisterBody,
  ResendBody,
  UserAnswer,
  VERIFIED,
  VERIFIED_WITHOUT_PASSWORD,
  VerifiedAnswer,
  VerifyEmailBody,
  verificationInput
} from './schemas.ts'
import { toWireUser } from './user.ts'

export type AccountRoutesOptions = {
  registrations: Registrations
  mailRequests: MailRequests
  captcha: Captcha
}

export const accountRoutes: FastifyPluginCallbackTypebox<AccountRoutesOptions> = (
  app,
  { registrations, mailRequests, captcha },
  done
) => {
  app.post(
    '/auth/register',
    {
      config: { access: 'public', limit: 'register', hashes: 'api' },
      schema: {
        tags: ['accounts'],
        summary: 'Register; the mail that follows makes the user',
        body: RegisterBody,
        response: { 201: UserAnswer, ...problems(400, 403, 409, 413, 415, 422, 429) }
      }
    },
    async (request, reply) => {
      const { phone_number: phoneNumber, captcha_token: token, ...rest } = request.body
      const input = { ...rest, ...(phoneNumber !== undefined && { phoneNumber }) }
      const origin = originOf(request)
      const user = await captcha.guard({ action: 'register', address: origin.address, token }, () =>
        registrations.register(input, origin)
      )
      return reply.code(201).send({ user: toWireUser(user) })
    }
  )

  app.post(
    '/auth/verify-email',
    {
      config: { access: 'public' },
      schema: {
        tags: ['accounts'],
        summary: 'Prove the address, by link or typed code',
        body: VerifyEmailBody,
        response: { 200: VerifiedAnswer, ...problems(400, 413, 415, 422, 429) }
      }
    },
    async (request) => {
      const input = verificationInput(request.body)
      const { hasPassword } = await registrations.verify(input, originOf(request))
      if (hasPassword) return { message: VERIFIED }
      return { message: VERIFIED_WITHOUT_PASSWORD, password_reset_required: true as const }
    }
  )

  app.post(
    '/auth/resend-verification',
    {
      config: { access: 'public', limit: 'reset' },
      schema: {
        tags: ['accounts'],
        summary: 'Send the verification mail again',
        body: ResendBody,
        response: { 200: MessageAnswer, ...problems(400, 413, 415, 422, 429) }
      }
    },
    async (request) => {
      await mailRequests.ask('verification', request.body.email, originOf(request))
      return { message: 'If this address waits for verification, a new mail is on its way.' }
    }
  )

  app.get(
    '/auth/me',
    {
      config: { access: 'user' },
      schema: {
        tags: ['accounts'],
        summary: 'Who the access token is for',
        security: [{ bearer: [] }],
        response: { 200: UserAnswer, ...problems(401) }
      }
    },
    (request) => ({ user: toWireUser(principalOf(request).user) })
  )

  done()
}
