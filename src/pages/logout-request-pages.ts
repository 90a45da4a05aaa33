import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { clearBrowserCookie, readBrowserCookie } from '../http/browser-session.ts'
import { originOf } from '../http/request-origin.ts'
import type { LogoutOutcome, LogoutParameters, RequestLogout } from '../oauth/logout.ts'
import type { Sessions } from '../sessions/room.ts'
import { keepLanguage } from './language.ts'
import type { Pages } from './room.ts'

const text = (maxLength: number) => Type.Optional(Type.String({ maxLength }))

const parameters = {
  id_token_hint: text(8_192),
  client_id: text(2_048),
  post_logout_redirect_uri: text(2_048),
  state: text(4_096)
}
/** Others, such as `logout_hint`, are ignored. */
const LogoutRequest = Type.Object({ ...parameters, ui_locales: text(128) })

export type LogoutRequestPagesOptions = {
  pages: Pages
  browser: Sessions['browser']
  requestLogout: RequestLogout
}

/** Where applications send people to log out (OpenID Connect RP-Initiated Logout 1.0). */
export const logoutRequestPages: FastifyPluginCallbackTypebox<LogoutRequestPagesOptions> = (
  app,
  { pages, browser, requestLogout },
  done
) => {
  const schema = { tags: ['oauth'], response: { 303: SEE_OTHER, 200: PAGE, 400: PAGE, 503: PAGE } }

  app.get(
    '/oauth/logout',
    {
      config: { access: 'public' },
      schema: {
        ...schema,
        summary: 'Send a browser here to log somebody out',
        querystring: LogoutRequest
      }
    },
    async (request, reply) => {
      const asked = withoutEmpty(request.query)
      keepLanguage(reply, request.query.ui_locales)
      const session = await pages.findBrowserSession(request)
      const outcome = await requestLogout(asked, session, {
        isConfirmed: false,
        origin: originOf(request)
      })
      if (outcome.kind === 'logged_out') return finish(request, reply, outcome)
      const data = { person: session?.user.email, fields: Object.entries(asked) }
      return pages.renderPage(reply, 'logout-request', data, { leadsToApplication: true })
    }
  )

  // A foreign page's POST comes without the login's cookie: the browser has to come back by itself.
  app.post(
    '/oauth/logout',
    {
      config: { access: 'public' },
      schema: {
        ...schema,
        summary: 'The same by a form',
        consumes: ['application/x-www-form-urlencoded'],
        body: LogoutRequest
      }
    },
    (request, reply) => {
      const query = new URLSearchParams(withoutEmpty(request.body)).toString()
      return reply.redirect(`/oauth/logout?${query}`, 303)
    }
  )

  app.post('/oauth/logout/confirm', pages.pageForm(parameters), async (request, reply) => {
    const { csrf_token: _token, ...asked } = request.body
    const session = await pages.findBrowserSession(request)
    const outcome = await requestLogout(withoutEmpty(asked), session, {
      isConfirmed: true,
      origin: originOf(request)
    })
    if (outcome.kind === 'confirm') return reply.redirect('/logout', 303)
    return finish(request, reply, outcome)
  })

  async function finish(
    request: FastifyRequest,
    reply: FastifyReply,
    { endsBrowser, location }: Extract<LogoutOutcome, { kind: 'logged_out' }>
  ): Promise<FastifyReply> {
    if (endsBrowser) {
      await browser.end(readBrowserCookie(request), originOf(request))
      clearBrowserCookie(reply)
    }
    if (location !== null) return reply.redirect(location, 303)
    const data = { title: 'Logged out', message: 'You are logged out here.' }
    return pages.renderPage(reply, 'message', data)
  }

  done()
}

const SEE_OTHER = { description: 'To where the application asked for', type: 'null' }
const PAGE = {
  description: 'A page for the person',
  content: { 'text/html': { schema: Type.String() } }
}

/** An empty value is as if it were not there. */
function withoutEmpty(asked: LogoutParameters): Record<string, string> {
  const fields = Object.entries(asked).filter(([name, value]) => name in parameters && value !== '')
  return Object.fromEntries(fields)
}
