import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply } from 'fastify'
import { Type } from 'typebox'
import { ProblemError } from '../errors.ts'
import { originOf } from '../http/request-origin.ts'
import { canonicalTypedCode } from '../lib/secrets.ts'
import type { DeviceAuthorization } from '../oauth/device/device-authorization.ts'
import { loginPath } from './continue.ts'
import { refuse } from './refuse.ts'
import { pageRoute, type Pages } from './room.ts'
import { describeScope } from './scope-sentences.ts'
import type { PageText } from './texts.ts'

const UserCode = Type.String({ maxLength: 64 })
const DeviceQuery = Type.Object({ user_code: Type.Optional(UserCode) })
const codeFields = { user_code: UserCode }
const decisionFields = {
  user_code: UserCode,
  decision: Type.Union([Type.Literal('allow'), Type.Literal('deny')])
}

const limited = { limit: 'device' } as const

export type DevicePagesOptions = { pages: Pages; deviceAuthorization: DeviceAuthorization }

/** What the template `message` says. */
type Message = { title: PageText; message: PageText }

type Page = { template: string; data: Record<string, unknown> }

/** Where people type the code that a device shows them (RFC 8628 §3.3). */
export const devicePages: FastifyPluginCallbackTypebox<DevicePagesOptions> = (
  app,
  { pages, deviceAuthorization },
  done
) => {
  // A link with a code fills the form in and decides nothing: whoever sent it may not be the device's owner.
  app.get(
    '/device',
    { ...pageRoute, schema: { ...pageRoute.schema, querystring: DeviceQuery } },
    async (request, reply) => {
      const code = spell(request.query.user_code ?? '')
      const session = await pages.requireBrowserSession(request, reply, pathOf(code))
      if (session === null) return reply
      return pages.renderPage(reply, 'device', { code })
    }
  )

  app.post('/device', pages.pageForm(codeFields, limited), async (request, reply) => {
    const code = spell(request.body.user_code)
    const session = await pages.requireBrowserSession(request, reply, pathOf(code))
    if (session === null) return reply
    return answer(reply, code, async (userCode) => {
      const question = await deviceAuthorization.question(userCode, session)
      if (question === null) return null
      const data = {
        code: userCode,
        client: question.client.name,
        scopes: question.scopes.map(describeScope),
        person: session.user.email,
        otherPath: loginPath(pathOf(code))
      }
      return { template: 'device-consent', data }
    })
  })

  app.post('/device/decide', pages.pageForm(decisionFields, limited), async (request, reply) => {
    const code = spell(request.body.user_code)
    const session = await pages.requireBrowserSession(request, reply, pathOf(code))
    if (session === null) return reply
    const isAllowed = request.body.decision === 'allow'
    return answer(reply, code, async (userCode) => {
      const origin = originOf(request)
      const decided = await deviceAuthorization.decide(userCode, session, isAllowed, origin)
      if (decided === null) return null
      return { template: 'message', data: isAllowed ? ALLOWED : DENIED }
    })
  })

  /** A code that is nobody's, or no longer: the form again, with one sentence for every reason. */
  async function answer(
    reply: FastifyReply,
    code: string | null,
    work: (code: string) => Promise<Page | null>
  ): Promise<FastifyReply> {
    // What can be no code is a slip, and no guess.
    const page = code === null ? null : await work(code).catch(tooMany)
    if (page instanceof ProblemError) {
      const { problem } = refuse(reply, page)
      return pages.renderPage(reply, 'device', { code, problem }, { status: page.status })
    }
    if (page !== null) return pages.renderPage(reply, page.template, page.data)
    return pages.renderPage(reply, 'device', { code, problem: WRONG_CODE }, { status: 400 })
  }

  done()
}

const WRONG_CODE: PageText =
  'This code is wrong, has been used, or is too old. Look at your device, it may show a new one.'
const ALLOWED: Message = {
  title: 'Your device is let in',
  message: 'You can go back to your device. It goes on by itself within a few seconds.'
}
const DENIED: Message = {
  title: 'Not let in',
  message:
    'The device gets nothing. If you did not start this, somebody may have tried to use your account.'
}

/** Whoever has guessed too often is told at the form. */
function tooMany(error: unknown): ProblemError {
  if (error instanceof ProblemError && error.code === 'too_many_attempts') return error
  throw error
}

/** As devices show it; null for what can be no code. */
function spell(typed: string): string | null {
  const code = canonicalTypedCode(typed)
  return code === null ? null : `${code.slice(0, 4)}-${code.slice(4)}`
}

const pathOf = (code: string | null) => (code === null ? '/device' : `/device?user_code=${code}`)
