import type { FastifyPluginCallback, FastifyRequest } from 'fastify'
import { Type, type Static, type TObject } from 'typebox'
import type { Accounts } from '../accounts/room.ts'
import {
  ForgotPasswordBody,
  ResetPasswordBody,
  UndoEmailChangeBody,
  VERIFIED,
  VERIFIED_WITHOUT_PASSWORD,
  VerifyEmailBody,
  verificationInput
} from '../accounts/schemas.ts'
import { ProblemError } from '../errors.ts'
import { originOf } from '../http/request-origin.ts'
import { refuse } from './refuse.ts'
import type { FormConfig, Pages } from './room.ts'
import type { PageText } from './texts.ts'

const Query = Type.Object({ token: Type.Optional(Type.String({ maxLength: 128 })) })

const TO_LOGIN = [{ href: '/login', text: 'Log in' }] as const

const TO_FORGOT = [{ href: '/forgot-password', text: 'Set a new password' }] as const

/** What a page tells when it is done, and where to go from there. */
type Thanks = {
  title: PageText
  message: PageText
  links?: readonly { href: string; text: PageText }[]
}

/** A form and what it does. Its name is that of its path and of its template. */
type Form<Body extends TObject> = {
  name: string
  config?: FormConfig
  body: Body
  /** Does it, and says what the page then tells. */
  act: (body: Static<Body>, request: FastifyRequest) => Promise<Thanks>
}

export type MailFormsOptions = Pick<
  Accounts,
  'registrations' | 'passwords' | 'emailChanges' | 'askForReset'
> & { pages: Pages }

/** Where the links of mails lead. Looking spends nothing (mail scanners look); the button does. */
export const mailForms: FastifyPluginCallback<MailFormsOptions> = (
  app,
  { registrations, passwords, emailChanges, askForReset, pages },
  done
) => {
  function addForm<Body extends TObject>({ name, body, act, ...form }: Form<Body>): void {
    const config = { access: 'public' as const, ...form.config }
    app.get(
      `/${name}`,
      { config: { access: 'public' }, schema: { hide: true, querystring: Query } },
      (request, reply) => {
        const { token } = request.query as Static<typeof Query>
        return pages.renderPage(reply, name, { token })
      }
    )
    app.post(`/${name}`, { config, schema: { hide: true, body } }, async (request, reply) => {
      try {
        const thanks = await act(request.body as Static<Body>, request)
        return await pages.renderPage(reply, 'message', thanks)
      } catch (error) {
        if (!(error instanceof ProblemError) || error.status >= 500) throw error
        const data = { ...retryOf(error, request.body), ...refuse(reply, error) }
        return pages.renderPage(reply, name, data, { status: error.status })
      }
    })
  }

  addForm({
    name: 'verify-email',
    body: VerifyEmailBody,
    act: async (body, request) => {
      const input = verificationInput(body)
      const { hasPassword } = await registrations.verify(input, originOf(request))
      if (hasPassword) return { title: 'Thank you', message: VERIFIED, links: TO_LOGIN }
      const links = TO_FORGOT
      return { title: 'Now set your password', message: VERIFIED_WITHOUT_PASSWORD, links }
    }
  })
  addForm({
    name: 'forgot-password',
    config: { limit: 'reset' },
    body: ForgotPasswordBody,
    act: async (body, request) => {
      await askForReset(body, originOf(request))
      return {
        title: 'Look into your mail',
        message: 'If this address has an account, a mail is on its way.'
      }
    }
  })
  addForm({
    name: 'reset-password',
    config: { limit: 'reset', hashes: 'page' },
    body: ResetPasswordBody,
    act: async (body, request) => {
      await passwords.reset(verificationInput(body), body.new_password, originOf(request))
      return {
        title: 'Done',
        message: 'The password is set, and every session has ended. You can log in with it now.',
        links: TO_LOGIN
      }
    }
  })
  addForm({
    name: 'undo-email-change',
    config: { limit: 'reset' },
    body: UndoEmailChangeBody,
    act: async ({ token }, request) => {
      await emailChanges.undo(token, originOf(request))
      return {
        title: 'Done',
        message: 'This address is yours again. Set a new password by "forgot password".',
        links: TO_FORGOT
      }
    }
  })
  done()
}

/** The form once more; a token that may still hold stays in it. */
function retryOf({ code }: ProblemError, body: unknown) {
  const { token, email } = body as { token?: string; email?: string }
  return { email, token: code === 'invalid_token' ? undefined : token }
}
