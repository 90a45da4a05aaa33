import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply } from 'fastify'
import { Type } from 'typebox'
import { originOf, tellWho } from '../http/request-origin.ts'
import type { Authorize, AuthorizeOutcome } from '../oauth/authorize/authorize.ts'
import type { QuickAuthorize } from '../oauth/authorize/quick-authorize.ts'
import { isDocumentId } from '../oauth/client.ts'
import { AuthorizationParameters } from '../oauth/authorize/parameters.ts'
import { withQuery } from '../lib/with-query.ts'
import { loginPath } from './continue.ts'
import { keepLanguage } from './language.ts'
import { pageRoute, type Pages } from './room.ts'
import { createShortAuthorize } from './short-authorize.ts'
import { describeScope } from './scope-sentences.ts'

const RequestId = Type.String({ minLength: 43, maxLength: 43 })
const WaitingQuery = Type.Object({ request: RequestId })
const decisionFields = {
  request: RequestId,
  decision: Type.Union([Type.Literal('allow'), Type.Literal('deny')])
}

export type AuthorizePagesOptions = {
  pages: Pages
  authorize: Authorize
  authorizeQuickly: QuickAuthorize
}

/** Where applications send people: the authorization endpoint, and the page that asks whether to let them in. */
export const authorizePages: FastifyPluginCallbackTypebox<AuthorizePagesOptions> = (
  app,
  { pages, authorize, authorizeQuickly },
  done
) => {
  const authorizeShortly = createShortAuthorize(app, authorizeQuickly)
  app.get(
    '/oauth/authorize',
    {
      config: { access: 'public', limit: 'authorize' },
      schema: {
        tags: ['oauth'],
        summary:
          'Send a browser here to log somebody in (RFC 6749 §3.1, OpenID Connect Core §3.1.2)',
        querystring: AuthorizationParameters,
        response: { 303: SEE_OTHER, 400: ERROR_PAGE, 429: ERROR_PAGE, 503: ERROR_PAGE }
      }
    },
    async (request, reply) => {
      const quick = await authorizeShortly(request, request.query)
      if (quick !== null) {
        tellWho(request, quick)
        return reply.redirect(quick.location, 303)
      }
      const login = await pages.findLogin(request)
      return send(reply, await authorize.begin(request.query, login))
    }
  )

  app.post(
    '/oauth/authorize',
    {
      config: { access: 'public', limit: 'authorize' },
      schema: {
        tags: ['oauth'],
        summary: 'The same by a form, for requests that are too long for a URL',
        consumes: ['application/x-www-form-urlencoded'],
        body: AuthorizationParameters,
        response: { 303: SEE_OTHER, 400: ERROR_PAGE, 429: ERROR_PAGE, 503: ERROR_PAGE }
      }
    },
    async (request, reply) => send(reply, await authorize.hold(request.body))
  )

  app.get(
    '/oauth/authorize/resume',
    { ...pageRoute, schema: { ...pageRoute.schema, querystring: WaitingQuery } },
    async (request, reply) => {
      const login = await pages.findLogin(request)
      return send(reply, await authorize.resume(request.query.request, login))
    }
  )

  app.get(
    '/consent',
    { ...pageRoute, schema: { ...pageRoute.schema, querystring: WaitingQuery } },
    async (request, reply) => {
      const { request: requestId } = request.query
      const session = await pages.requireBrowserSession(request, reply, resumePath(requestId))
      if (session === null) return reply
      const question = await authorize.question(requestId, session)
      if (question === null) return reply.redirect(resumePath(requestId), 303)
      const { client, user, scopes, to } = question
      const data = {
        client: client.name,
        host: hostOf(isDocumentId(client.id) ? client.id : to.redirectUri),
        returnsTo: hostOf(to.redirectUri),
        person: user.email,
        scopes: scopes.map(describeScope),
        termsUri: client.metadata.tos_uri,
        policyUri: client.metadata.policy_uri,
        requestId,
        otherPath: loginPath(resumePath(requestId))
      }
      return pages.renderPage(reply, 'consent', data, { leadsToApplication: true })
    }
  )

  app.post('/consent', pages.pageForm(decisionFields), async (request, reply) => {
    const { request: requestId, decision } = request.body
    const session = await pages.requireBrowserSession(request, reply, resumePath(requestId))
    if (session === null) return reply
    const isAgreed = decision === 'allow'
    return send(
      reply,
      await authorize.decideConsent(requestId, session, isAgreed, originOf(request))
    )
  })

  function send(reply: FastifyReply, outcome: AuthorizeOutcome): FastifyReply {
    switch (outcome.kind) {
      case 'login':
        keepLanguage(reply, outcome.uiLocales)
        return reply.redirect(
          loginPath(resumePath(outcome.requestId), outcome.loginHint ?? undefined),
          303
        )
      case 'consent':
        keepLanguage(reply, outcome.uiLocales)
        return reply.redirect(`/consent?request=${outcome.requestId}`, 303)
      case 'resume':
        return reply.redirect(resumePath(outcome.requestId), 303)
      case 'answer':
        return answer(reply, outcome)
    }
  }

  /** 303, so that no browser posts a form on to the application (RFC 9700 §4.12). */
  function answer(
    reply: FastifyReply,
    { to, parameters }: Extract<AuthorizeOutcome, { kind: 'answer' }>
  ): FastifyReply {
    if (to.responseMode === 'form_post') {
      const data = { action: to.redirectUri, fields: Object.entries(parameters) }
      return pages.renderPage(reply, 'form-post', data, { leadsToApplication: true })
    }
    return reply.redirect(withQuery(to.redirectUri, parameters), 303)
  }

  done()
}

const SEE_OTHER = {
  description: 'To the application with a code or an error, to the login, or to the consent',
  type: 'null'
}
const ERROR_PAGE = {
  description: 'A page for the person: there is no application that could be told',
  content: { 'text/html': { schema: Type.String() } }
}

const resumePath = (requestId: string) => `/oauth/authorize/resume?request=${requestId}`

/** What of a URL tells people whose it is; of an app's own scheme, the scheme. */
function hostOf(url: string): string {
  const { host, protocol } = new URL(url)
  return host === '' ? protocol.slice(0, -1) : host
}
