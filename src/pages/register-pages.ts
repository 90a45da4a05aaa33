import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import type { Accounts } from '../accounts/room.ts'
import { ProblemError, validationFailed } from '../errors.ts'
import { originOf } from '../http/request-origin.ts'
import { CaptchaField, PasswordField } from '../http/schemas.ts'
import { leadsToApplication, loginPath, safeContinue } from './continue.ts'
import {
  ContinueQuery,
  continueField,
  createBrowserLogin,
  type LoginPagesOptions
} from './login-pages.ts'
import { languageOf } from './language.ts'
import { refuse } from './refuse.ts'
import { pageRoute } from './room.ts'

const fields = {
  ...continueField,
  name: Type.Optional(
    Type.String({ maxLength: 200, pattern: '^[^\\p{Cc}\\p{Cs}\\p{Zl}\\p{Zp}]*$' })
  ),
  email: Type.String({ minLength: 1, maxLength: 320 }),
  password: PasswordField,
  confirm_password: PasswordField,
  captcha_token: Type.Optional(CaptchaField)
}

const form = { limit: 'register', hashes: 'page' } as const

export type RegisterPagesOptions = LoginPagesOptions & {
  registrations: Accounts['registrations']
  /** Closed networks do not wait for the mail: whoever registers is logged in. */
  logsInAtOnce: boolean
}

export const registerPages: FastifyPluginCallbackTypebox<RegisterPagesOptions> = (
  app,
  options,
  done
) => {
  const { pages, registrations, captcha, logsInAtOnce } = options
  const logBrowserIn = createBrowserLogin(options)

  const formOptions = (target: string | null) => ({
    // The mail comes between: only who is logged in at once goes on from here.
    leadsToApplication: logsInAtOnce && leadsToApplication(target)
  })

  app.get(
    '/register',
    { ...pageRoute, schema: { ...pageRoute.schema, querystring: ContinueQuery } },
    (request, reply) => {
      const target = safeContinue(request.query.continue)
      const data = { target, email: request.query.login_hint, loginPath: loginPath(target) }
      return pages.renderPage(reply, 'register', data, formOptions(target))
    }
  )

  app.post('/register', pages.pageForm(fields, form), async (request, reply) => {
    const { name = '', email, password, confirm_password: confirmed } = request.body
    const { captcha_token: token } = request.body
    const target = safeContinue(request.body.continue)
    try {
      if (password !== confirmed) throw validationFailed('password', 'is not the same twice')
      const wanted = name.trim()
      const locale = languageOf(request)
      const origin = originOf(request)
      await captcha.guard({ action: 'register', address: origin.address, token }, () =>
        registrations.register(
          {
            email,
            password,
            ...(wanted !== '' && { name: wanted }),
            ...(locale !== undefined && { locale })
          },
          origin
        )
      )
    } catch (error) {
      if (!(error instanceof ProblemError) || error.status >= 500) throw error
      const data = { target, name, email, loginPath: loginPath(target), ...refuse(reply, error) }
      return pages.renderPage(reply, 'register', data, {
        ...formOptions(target),
        status: error.status
      })
    }
    if (logsInAtOnce) {
      return logBrowserIn(request, reply, { identifier: { email }, password }, target)
    }
    return reply.redirect('/register/mail', 303)
  })

  app.get('/register/mail', pageRoute, (_request, reply) =>
    pages.renderPage(reply, 'message', {
      title: 'Look into your mail',
      message:
        'A mail is on its way to the address that you gave. Follow the link in it, or type its code here, and you can log in.',
      links: [
        { href: '/verify-email', text: 'Type the code' },
        { href: '/login', text: 'Log in' }
      ]
    })
  )

  done()
}
