import type { FastifyReply, FastifyRequest, RouteShorthandOptions } from 'fastify'
import { Type, type TProperties } from 'typebox'
import { ProblemError } from '../errors.ts'
import { readBrowserCookie } from '../http/browser-session.ts'
import { tellWho } from '../http/request-origin.ts'
import type { LimitGroup } from '../http/rate-limits.ts'
import type { BrowserSession, BrowserSessions, LiveLogin } from '../sessions/browser-sessions.ts'
import { allowWidget, type CaptchaWidget } from './captcha-widget.ts'
import { leadsToApplication as isForApplication, loginPath } from './continue.ts'
import { textsFor } from './language.ts'
import { isFormSecret, isFormTokenOf, newFormSecret, newFormToken } from './form-token.ts'
import type { Look } from './look.ts'

export type Pages = ReturnType<typeof openPages>

export type PagesDeps = { look: Look; browser: BrowserSessions; issuer: string }

export type PageOptions = {
  /** 200 unless said otherwise. */
  status?: number
  /**
   * The page's form may end at an application. Browsers hold every redirect that follows a form against
   * `form-action`, those of the application's own too, so that no list of origins would do: the page
   * goes without it. Nothing but the page's own template says where its forms go.
   */
  leadsToApplication?: boolean
}

/** Its limit per address, and whether anybody may have a password hashed there. */
export type FormConfig = { limit?: LimitGroup; hashes?: 'page' }

const CsrfField = Type.Optional(Type.String({ maxLength: 128 }))

/** The fields of a form, with the one that every form has. Closed, as all bodies are. */
function formBody<Fields extends TProperties>(fields: Fields) {
  return Type.Object({ csrf_token: CsrfField, ...fields }, { additionalProperties: false })
}

/** A page that is looked at. */
export const pageRoute = { config: { access: 'public' }, schema: { hide: true } } as const

/** What every page is made with: the one layout, the form's token, who is logged in. */
export function openPages({ look, browser, issuer }: PagesDeps) {
  const frame = {
    brand: look.brandName,
    stylesheet: look.stylesheet.path,
    script: look.script.path,
    favicon: look.favicon.path,
    logo: look.logo?.path ?? null
  }

  /**
   * Sends a page. `data` is the template's `it`, beside `brand` and `csrfField()`, the hidden field that
   * every form which needs {@link pageForm} begins with: `<%~ it.csrfField() %>`, and beside all that
   * {@link Texts} says in the reader's language.
   */
  function renderPage(
    reply: FastifyReply,
    template: string,
    data: Record<string, unknown> = {},
    { status = 200, leadsToApplication = false }: PageOptions = {}
  ): FastifyReply {
    const texts = textsFor(reply.request)
    const html = look.render(template, { ...frame, ...data, ...texts, csrfField: fieldsOn(reply) })
    const { captcha } = data as { captcha?: CaptchaWidget }
    if (captcha !== undefined) allowWidget(reply, captcha)
    if (leadsToApplication) {
      const policy = String(reply.getHeader('content-security-policy'))
      reply.header('content-security-policy', policy.replace(/;? *form-action [^;]*/, ''))
      keepOpener(reply)
    }
    return reply.code(status).type('text/html').send(html)
  }

  /** Only a page with a form gives the browser the cookie that its forms are bound to. */
  function fieldsOn(reply: FastifyReply): () => string {
    const { server, request } = reply
    let secret = server.readCookie(request, 'form')
    return () => {
      if (!isFormSecret(secret)) {
        secret = newFormSecret()
        server.writeCookie(reply, 'form', secret, null)
      }
      return `<input type="hidden" name="csrf_token" value="${newFormToken(secret)}">`
    }
  }

  /**
   * Whether a form was sent from a page of ours: by what the browser says of the sender, which no page
   * can forge; where it says nothing, by the form's token. Other origins of the configuration may use
   * the API; they have no business with our forms.
   */
  function isOwnForm(request: FastifyRequest): boolean {
    const { 'sec-fetch-site': site, origin } = request.headers
    if (site !== undefined && site !== 'none') return site === 'same-origin'
    if (origin !== undefined && origin !== 'null') return origin === issuer
    const secret = request.server.readCookie(request, 'form')
    const { csrf_token: token = '' } = (request.body ?? {}) as { csrf_token?: unknown }
    return isFormSecret(secret) && typeof token === 'string' && isFormTokenOf(secret, token)
  }

  /** The route of a form that sends or sets a cookie: from our own pages only, whatever else it says. */
  function pageForm<Fields extends TProperties>(fields: Fields, config: FormConfig = {}) {
    return {
      config: { access: 'public' as const, ...config },
      schema: { hide: true, body: formBody(fields) },
      preValidation: (request, _reply, next) => {
        next(isOwnForm(request) ? undefined : foreignForm())
      }
    } satisfies RouteShorthandOptions
  }

  /** The login that lives in this browser. */
  async function findLogin(request: FastifyRequest): Promise<LiveLogin | null> {
    return noted(request, await browser.findLogin(readBrowserCookie(request)))
  }

  /** Who is logged in in this browser. */
  async function findBrowserSession(request: FastifyRequest): Promise<BrowserSession | null> {
    return noted(request, await browser.find(readBrowserCookie(request)))
  }

  function noted<Login extends LiveLogin>(
    request: FastifyRequest,
    login: Login | null
  ): Login | null {
    if (login !== null) tellWho(request, { userId: login.userId, sessionId: login.id })
    return login
  }

  /**
   * For pages that need somebody: `null` means that the browser was sent to the login, which comes back
   * to `target`, and that there is nothing left to do but `return reply`.
   */
  async function requireBrowserSession(
    request: FastifyRequest,
    reply: FastifyReply,
    target: string = request.method === 'GET' ? request.url : '/account'
  ): Promise<BrowserSession | null> {
    const session = await findBrowserSession(request)
    if (session === null) goOn(reply, loginPath(target), target)
    return session
  }

  return { look, renderPage, pageForm, findLogin, findBrowserSession, requireBrowserSession }
}

/**
 * For every answer between an application's window and its way back. It may have opened us in a window of
 * its own (`signinPopup`), which one answer with another opener policy would cut off from it for good.
 */
function keepOpener(reply: FastifyReply): FastifyReply {
  return reply.header('cross-origin-opener-policy', 'unsafe-none')
}

/** Leads to `location`, on the way to `target`. */
export function goOn(reply: FastifyReply, location: string, target = location): FastifyReply {
  if (isForApplication(target)) keepOpener(reply)
  return reply.redirect(location, 303)
}

function foreignForm(): ProblemError {
  return new ProblemError(
    'cross_site_request',
    'This form was not sent from our own page, or your browser keeps no cookies. Open the page again.'
  )
}
