import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import type { Registrations } from '../accounts/registration.ts'
import { VerifyEmailBody, verificationInput } from '../accounts/schemas.ts'
import { ProblemError } from '../errors.ts'
import { originOf } from '../http/request-origin.ts'
import { refuse } from './refuse.ts'
import { renderPage } from './render.ts'

const Query = Type.Object({ token: Type.Optional(Type.String({ maxLength: 128 })) })

export type VerifyEmailPageOptions = { registrations: Registrations }

/** Where the link of the mail leads. Looking spends nothing (mail scanners look); the button does. */
export const verifyEmailPage: FastifyPluginCallbackTypebox<VerifyEmailPageOptions> = (
  app,
  { registrations },
  done
) => {
  const options = { config: { access: 'public' as const } }

  app.get(
    '/verify-email',
    { ...options, schema: { hide: true, querystring: Query } },
    (request, reply) =>
      reply.type('text/html').send(renderPage('verify-email', { token: request.query.token }))
  )

  app.post(
    '/verify-email',
    { ...options, schema: { hide: true, body: VerifyEmailBody } },
    async (request, reply) => {
      reply.type('text/html')
      try {
        await registrations.verify(verificationInput(request.body), originOf(request))
      } catch (error) {
        if (!(error instanceof ProblemError) || error.status >= 500) throw error
        return refuse(reply, error).send(renderPage('verify-email', { problem: error.detail }))
      }
      const message = 'Your address is verified. You can log in now.'
      return reply.send(renderPage('message', { title: 'Thank you', message }))
    }
  )

  done()
}
