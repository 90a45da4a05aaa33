import formbody from '@fastify/formbody'
import type { FastifyPluginAsync } from 'fastify'
import { accountPages, type AccountPagesOptions } from './account-pages.ts'
import { assetRoutes } from './asset-routes.ts'
import { takeWidgetToken } from './captcha-widget.ts'
import { authorizePages, type AuthorizePagesOptions } from './authorize-pages.ts'
import { devicePages, type DevicePagesOptions } from './device-pages.ts'
import { createErrorPage, SOMETHING_WENT_WRONG } from './error-page.ts'
import { loginPages } from './login-pages.ts'
import { logoutRequestPages, type LogoutRequestPagesOptions } from './logout-request-pages.ts'
import { mailForms, type MailFormsOptions } from './mail-forms.ts'
import { registerPages, type RegisterPagesOptions } from './register-pages.ts'
import { pageRoute } from './room.ts'

export type PagesOptions = MailFormsOptions &
  RegisterPagesOptions &
  AccountPagesOptions &
  AuthorizePagesOptions &
  DevicePagesOptions &
  LogoutRequestPagesOptions & {
    /** Whether there is a captured inbox to link to. */
    showsMail: boolean
  }

/** The pages that people see: plain HTML forms, errors as pages, a token in the URL told to nobody. */
export const pagesScope: FastifyPluginAsync<PagesOptions> = async (app, options) => {
  const { pages, showsMail } = options
  app.removeContentTypeParser('application/json')
  await app.register(formbody)
  app.addHook('onSend', async (_request, reply) => {
    // Not `no-referrer`: browsers would post `Origin: null`.
    reply.header('referrer-policy', 'same-origin')
  })
  app.addHook('preValidation', takeWidgetToken)
  app.setErrorHandler(createErrorPage(pages))
  app.get('/', pageRoute, async (request, reply) => {
    const session = await pages.findBrowserSession(request)
    return pages.renderPage(reply, 'home', { showsMail, person: session?.user.email })
  })
  app.get('/error', pageRoute, (_request, reply) =>
    pages.renderPage(reply, 'message', SOMETHING_WENT_WRONG)
  )
  await app.register(assetRoutes, pages)
  await app.register(loginPages, options)
  await app.register(registerPages, options)
  await app.register(accountPages, options)
  await app.register(authorizePages, options)
  await app.register(devicePages, options)
  await app.register(logoutRequestPages, options)
  await app.register(mailForms, options)
}
