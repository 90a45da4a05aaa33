import formbody from '@fastify/formbody'
import type { FastifyError, FastifyPluginAsync } from 'fastify'
import { ProblemError } from '../errors.ts'
import { refuse } from './refuse.ts'
import { renderPage, stylesheet } from './render.ts'
import { mailForms, type MailFormsOptions } from './mail-forms.ts'

export type PagesOptions = MailFormsOptions & {
  /** Whether there is a captured inbox to link to. */
  showsMail: boolean
}

/** The pages that people see: plain HTML forms, errors as pages, a token in the URL told to nobody. */
export const pagesScope: FastifyPluginAsync<PagesOptions> = async (app, options) => {
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
  app.get('/', { config: { access: 'public' }, schema: { hide: true } }, (_request, reply) =>
    reply.type('text/html').send(renderPage('home', { showsMail: options.showsMail }))
  )
  await app.register(mailForms, options)
}
