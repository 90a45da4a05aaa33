import type { FastifyPluginCallback, FastifyRequest } from 'fastify'
import { Type, type Static, type TObject } from 'typebox'
import type { Accounts } from '../accounts/room.ts'
import {
  ForgotPasswordBody,
  ResetPasswordBody,
  UndoEmailChangeBody,
  VerifyEmailBody,
  verificationInput
} from '../accounts/schemas.ts'
import { ProblemError } from '../errors.ts'
import type { LimitGroup } from '../http/rate-limits.ts'
import { originOf } from '../http/request-origin.ts'
import { refuse } from './refuse.ts'
import type { Pages } from './room.ts'

const Query = Type.Object({ token: Type.Optional(Type.String({ maxLength: 128 })) })

const TO_LOGIN = [{ href: '/login', text: 'Log in' }]

/** A form and what it does. Its name is that of its path and of its template. */
type Form<Body extends TObject> = {
  name: string
  limit?: LimitGroup
  body: Body
  act: (body: Static<Body>, request: FastifyRequest) => Promise<void>
  done: { title: string; message: string; links?: { href: string; text: string }[] }
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
  function addForm<Body extends TObject>({
    name,
    limit,
    body,
    act,
    done: thanks
  }: Form<Body>): void {
    const config = { access: 'public' as const, ...(limit !== undefined && { limit }) }
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
        await act(request.body as Static<Body>, request)
      } catch (error) {
        if (!(error instanceof ProblemError) || error.status >= 500) throw error
        const data = { ...retryOf(error, request.body), ...refuse(reply, error) }
        return pages.renderPage(reply, name, data, { status: error.status })
      }
      return pages.renderPage(reply, 'message', thanks)
    })
  }

  addForm({
    name: 'verify-email',
    body: VerifyEmailBody,
    act: (body, request) => registrations.verify(verificationInput(body), originOf(request)),
    done: {
      title: 'Thank you',
      message: 'Your address is verified. You can log in now.',
      links: TO_LOGIN
    }
  })
  addForm({
    name: 'forgot-password',
    limit: 'reset',
    body: ForgotPasswordBody,
    act: (body, request) => askForReset(body, originOf(request)),
    done: {
      title: 'Look into your mail',
      message: 'If this address has an account, a mail is on its way.'
    }
  })
  addForm({
    name: 'reset-password',
    limit: 'reset',
    body: ResetPasswordBody,
    act: (body, request) =>
      passwords.reset(verificationInput(body), body.new_password, originOf(request)),
    done: {
      title: 'Done',
      message: 'The password is set, and every session has ended. You can log in with it now.',
      links: TO_LOGIN
    }
  })
  addForm({
    name: 'undo-email-change',
    limit: 'reset',
    body: UndoEmailChangeBody,
    act: ({ token }, request) => emailChanges.undo(token, originOf(request)),
    done: {
      title: 'Done',
      message: 'This address is yours again. Set a new password by "forgot password".',
      links: [{ href: '/forgot-password', text: 'Set a new password' }]
    }
  })
  done()
}

/** The form once more; a token that may still hold stays in it. */
function retryOf({ code }: ProblemError, body: unknown) {
  const { token, email } = body as { token?: string; email?: string }
  return { email, token: code === 'invalid_token' ? undefined : token }
}
