import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply } from 'fastify'
import { Type } from 'typebox'
import type { Accounts } from '../accounts/room.ts'
import type { RequestOrigin } from '../audit/events.ts'
import { ProblemError, validationFailed } from '../errors.ts'
import { clearBrowserCookie } from '../http/browser-session.ts'
import { originOf } from '../http/request-origin.ts'
import { IdField, PasswordField } from '../http/schemas.ts'
import { browserName } from '../lib/browser-name.ts'
import type { BrowserSession } from '../sessions/browser-sessions.ts'
import type { Sessions } from '../sessions/room.ts'
import { FIRST_PARTY_CLIENT } from '../sessions/session.ts'
import { refuse } from './refuse.ts'
import { pageRoute, type Pages } from './room.ts'
import type { PageText } from './texts.ts'

/** An application that somebody let in. */
export type Consent = { clientId: string; name: string; scopes: string[]; since: Date }

export type AccountPagesOptions = Pick<Accounts, 'profiles' | 'passwords'> &
  Pick<Sessions, 'ownSessions' | 'logout'> & {
    pages: Pages
    /** Given by whatever keeps consents; the page has no such section without it. */
    listConsents?: (userId: string) => Promise<Consent[]>
    revokeConsent?: (userId: string, clientId: string, origin: RequestOrigin) => Promise<void>
  }

/** What was done, by the word in the query that the answer to a form leads to. */
const DONE = new Map<string, PageText>([
  ['profile', 'Your name is saved.'],
  ['password', 'Your password is changed. Your other logins have ended.'],
  ['session', 'That login has ended.'],
  ['others', 'All other logins have ended.'],
  ['app', 'That application has no access any more.']
])

const Query = Type.Object({ done: Type.Optional(Type.String({ maxLength: 20 })) })

const profileFields = {
  name: Type.String({ maxLength: 200, pattern: '^[^\\p{Cc}\\p{Cs}\\p{Zl}\\p{Zp}]*$' })
}
const passwordFields = {
  current_password: PasswordField,
  new_password: PasswordField,
  confirm_password: PasswordField
}

/** What a person sees and changes of their own account. */
export const accountPages: FastifyPluginCallbackTypebox<AccountPagesOptions> = (
  app,
  options,
  done
) => {
  const { pages, profiles, passwords, ownSessions, logout, listConsents, revokeConsent } = options

  async function renderAccount(
    reply: FastifyReply,
    { id, user }: BrowserSession,
    data: Record<string, unknown> = {},
    status = 200
  ): Promise<FastifyReply> {
    const sessions = await ownSessions.list({ user, sessionId: id })
    const consents = (await listConsents?.(user.id)) ?? null
    const shown = sessions.map((session) => ({
      ...session,
      device: session.device === null ? null : browserName(session.device),
      application: session.clientId === FIRST_PARTY_CLIENT ? null : session.clientId
    }))
    shown.sort((one, other) => Number(other.isCurrent) - Number(one.isCurrent))
    const page = { user, sessions: shown, consents, ...data }
    return pages.renderPage(reply, 'account', page, { status })
  }

  /** Does what a form asks for and leads back; a refusal stands beside the form that it is about. */
  async function settle(
    reply: FastifyReply,
    session: BrowserSession,
    word: string,
    act: () => Promise<unknown>
  ): Promise<FastifyReply> {
    try {
      await act()
    } catch (error) {
      if (!(error instanceof ProblemError) || error.status >= 500) throw error
      const data = { about: word, ...refuse(reply, error) }
      return renderAccount(reply, session, data, error.status)
    }
    return reply.redirect(`/account?done=${word}`, 303)
  }

  app.get(
    '/account',
    { ...pageRoute, schema: { ...pageRoute.schema, querystring: Query } },
    async (request, reply) => {
      const session = await pages.requireBrowserSession(request, reply, '/account')
      if (session === null) return reply
      return renderAccount(reply, session, { message: DONE.get(request.query.done ?? '') })
    }
  )

  app.post('/account/profile', pages.pageForm(profileFields), async (request, reply) => {
    const session = await pages.requireBrowserSession(request, reply)
    if (session === null) return reply
    const name = request.body.name.trim()
    return settle(reply, session, 'profile', () =>
      profiles.change(session.user, { name: name === '' ? null : name }, originOf(request))
    )
  })

  app.post('/account/password', pages.pageForm(passwordFields), async (request, reply) => {
    const session = await pages.requireBrowserSession(request, reply)
    if (session === null) return reply
    const { current_password: current, new_password: next } = request.body
    return settle(reply, session, 'password', async () => {
      if (next !== request.body.confirm_password) {
        throw validationFailed('new_password', 'is not the same twice')
      }
      const person = { user: session.user, sessionId: session.id }
      const deviceCookie = app.readCookie(request, 'device')
      await passwords.change(person, { current, next, deviceCookie }, originOf(request))
    })
  })

  app.post('/account/sessions/end', pages.pageForm({ id: IdField }), async (request, reply) => {
    const session = await pages.requireBrowserSession(request, reply)
    if (session === null) return reply
    return settle(reply, session, 'session', () =>
      ownSessions.end(session, request.body.id, originOf(request))
    )
  })

  app.post('/account/sessions/end-others', pages.pageForm({}), async (request, reply) => {
    const session = await pages.requireBrowserSession(request, reply)
    if (session === null) return reply
    const proof = { userId: session.user.id, sessionId: session.id }
    return settle(reply, session, 'others', () => logout('others', proof, originOf(request)))
  })

  app.post('/account/sign-out-everywhere', pages.pageForm({}), async (request, reply) => {
    const session = await pages.requireBrowserSession(request, reply)
    if (session === null) return reply
    await logout('all', { userId: session.user.id, sessionId: session.id }, originOf(request))
    clearBrowserCookie(reply)
    return reply.redirect('/logout', 303)
  })

  if (revokeConsent !== undefined) {
    const fields = { client_id: Type.String({ pattern: '^[\\x21-\\x7e]{1,2048}$' }) }
    app.post('/account/apps/revoke', pages.pageForm(fields), async (request, reply) => {
      const session = await pages.requireBrowserSession(request, reply)
      if (session === null) return reply
      return settle(reply, session, 'app', () =>
        revokeConsent(session.user.id, request.body.client_id, originOf(request))
      )
    })
  }

  done()
}
