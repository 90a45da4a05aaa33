import formbody from '@fastify/formbody'
import type { FastifyError, FastifyPluginAsync } from 'fastify'
import { ProblemError } from '../errors.ts'
import { refuse } from './refuse.ts'
import { renderPage, stylesheet } from './render.ts'
import { verifyEmailPage, type VerifyEmailPageOptions } from './verify-email.ts'

export type PagesOptions = VerifyEmailPageOptions

/** The pages that people see: plain HTML forms, errors as pages, a token in the URL told to nobody. */
export const pagesScope: FastifyPluginAsync<PagesOptions> = async (app, { registrations }) => {
  app.removeContentTypeParser('application/json')
  await app.register(formbody)
  app.addHook('onSend', async (_request, reply) => {
    // Not `no-referrer`: browsers would post `Origin: null`.
    reply.header('referrer-policy', 'same-origin')
  })
  app.setErrorHandler((error: FastifyError | ProblemError, request, reply) => {
    const status = error instanceof ProblemError ? error.status : (error.statusCode ?? 500)
    if (status >= 500) request.log.error({ err: error }, 'page failed')
    const title = status >= 500 ? 'Something went wrong' : 'That did not work'
    const message =
      error instanceof ProblemError ? error.detail : 'Go back, check what you typed, and try again.'
    const retryAfterSeconds = error instanceof ProblemError ? error.retryAfterSeconds : undefined
    return refuse(reply, { status, retryAfterSeconds }).send(
      renderPage('message', { title, message })
    )
  })
  app.get(
    '/assets/pages.css',
    { config: { access: 'public' }, schema: { hide: true } },
    (_request, reply) =>
      reply.header('cache-control', 'public, max-age=86400').type('text/css').send(stylesheet)
  )
  await app.register(verifyEmailPage, { registrations })
}
