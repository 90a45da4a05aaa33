import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import type { Captcha } from '../abuse/captcha.ts'
import { nameOf, type Identifier } from '../accounts/identifier.ts'
import { ProblemError } from '../errors.ts'
import { clearBrowserCookie, readBrowserCookie, setBrowserCookie } from '../http/browser-session.ts'
import { originOf } from '../http/request-origin.ts'
import { CaptchaField, PasswordField } from '../http/schemas.ts'
import { userAgentOf } from '../http/user-agent.ts'
import { DEVICE_SECONDS } from '../accounts/known-devices.ts'
import type { Sessions } from '../sessions/room.ts'
import { leadsToApplication, safeContinue, withContinue } from './continue.ts'
import { refuse } from './refuse.ts'
import { goOn, pageRoute, type Pages } from './room.ts'

const Continue = Type.Optional(Type.String({ maxLength: 8_192 }))

export const ContinueQuery = Type.Object({
  continue: Continue,
  login_hint: Type.Optional(Type.String({ maxLength: 320 }))
})

/** What a page that logs in is told about where to go on. */
export const continueField = { continue: Continue }

const fields = {
  ...continueField,
  email: Type.String({ minLength: 1, maxLength: 320 }),
  password: PasswordField,
  captcha_token: Type.Optional(CaptchaField)
}

const form = { limit: 'login', hashes: 'page' } as const

export type LoginPagesOptions = {
  pages: Pages
  browser: Sessions['browser']
  captcha: Captcha
  /** How long a browser keeps the cookie of a login, in seconds. */
  sessionSeconds: number
}

/** Logs a browser in and leads it on; both the login's form and the registration's end here. */
export function createBrowserLogin({ browser, sessionSeconds }: LoginPagesOptions) {
  return async function logBrowserIn(
    request: FastifyRequest,
    reply: FastifyReply,
    { identifier, password }: { identifier: Identifier; password: string },
    target: string | null
  ): Promise<FastifyReply> {
    const { server } = request
    const { cookie, rememberDevice } = await browser.begin(
      {
        identifier,
        password,
        device: userAgentOf(request),
        deviceCookie: server.readCookie(request, 'device'),
        current: readBrowserCookie(request) ?? null
      },
      originOf(request)
    )
    setBrowserCookie(reply, cookie, sessionSeconds)
    if (rememberDevice !== null) {
      server.writeCookie(reply, 'device', await rememberDevice(), DEVICE_SECONDS)
    }
    return goOn(reply, target ?? '/account')
  }
}

export const loginPages: FastifyPluginCallbackTypebox<LoginPagesOptions> = (app, options, done) => {
  const { pages, browser, captcha } = options
  const logBrowserIn = createBrowserLogin(options)

  app.get(
    '/login',
    { ...pageRoute, schema: { ...pageRoute.schema, querystring: ContinueQuery } },
    async (request, reply) => {
      const target = safeContinue(request.query.continue)
      const session = await pages.findBrowserSession(request)
      const data = { ...formData(target, request.query.login_hint), person: session?.user.email }
      return pages.renderPage(reply, 'login', data, {
        leadsToApplication: leadsToApplication(target)
      })
    }
  )

  app.post('/login', pages.pageForm(fields, form), async (request, reply) => {
    const { email, password, captcha_token: token } = request.body
    const { address } = originOf(request)
    const target = safeContinue(request.body.continue)
    try {
      const identifier = identifierOf(email)
      const attempt = { action: 'login', name: nameOf(identifier), address, token } as const
      return await captcha.guard(attempt, () =>
        logBrowserIn(request, reply, { identifier, password }, target)
      )
    } catch (error) {
      if (!(error instanceof ProblemError) || error.status >= 500) throw error
      const data = { ...formData(target, email), ...refuse(reply, error) }
      return pages.renderPage(reply, 'login', data, {
        status: error.status,
        leadsToApplication: leadsToApplication(target)
      })
    }
  })

  app.get('/logout', pageRoute, async (request, reply) => {
    const session = await pages.findBrowserSession(request)
    return pages.renderPage(reply, 'logout', { person: session?.user.email })
  })

  app.post('/logout', pages.pageForm({}), async (request, reply) => {
    await browser.end(readBrowserCookie(request), originOf(request))
    clearBrowserCookie(reply)
    return reply.redirect('/logout', 303)
  })

  done()
}

/** One field for both: an address has an @, a username never. */
function identifierOf(text: string): Identifier {
  return text.includes('@') ? { email: text } : { username: text }
}

function formData(target: string | null, email: string | undefined) {
  return { target, email, registerPath: withContinue('/register', target) }
}
