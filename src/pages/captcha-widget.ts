import type { FastifyReply, FastifyRequest, HookHandlerDoneFunction } from 'fastify'
import type { CaptchaChallenge } from '../abuse/captcha.ts'
import { PROVIDERS, WIDGET_FIELDS } from '../abuse/captcha-providers.ts'
import type { ProblemError } from '../errors.ts'

/** What the template `captcha` shows. */
export type CaptchaWidget = {
  script: string
  className: string
  siteKey: string
  action: string
  policy: Record<string, string[]>
}

/** The widget that a refusal asks for. */
export function widgetOf({ code, extensions }: ProblemError): CaptchaWidget | undefined {
  if (code !== 'captcha_required') return undefined
  const { provider, site_key: siteKey, action } = extensions['captcha'] as CaptchaChallenge
  return { ...PROVIDERS[provider].widget, siteKey, action }
}

/** Lets the provider into this one page; all others load nothing from elsewhere. */
export function allowWidget(reply: FastifyReply, { policy }: CaptchaWidget): void {
  const own = String(reply.getHeader('content-security-policy')).split(';')
  const names = own.map((directive) => directive.trim().split(' ')[0])
  const widened = own.map((directive, i) => [directive, ...(policy[names[i] ?? ''] ?? [])])
  const more = Object.entries(policy).filter(([name]) => !names.includes(name))
  const directives = [...widened, ...more.map(([name, sources]) => [name, ...sources])]
  reply.header('content-security-policy', directives.map((parts) => parts.join(' ')).join(';'))
}

/** Every provider names its field as it likes: here it is `captcha_token`, and nothing is left of theirs. */
export function takeWidgetToken(
  request: FastifyRequest,
  _reply: FastifyReply,
  done: HookHandlerDoneFunction
): void {
  const fields = request.body as Record<string, unknown> | null | undefined
  if (typeof fields === 'object' && fields !== null) {
    for (const name of WIDGET_FIELDS) {
      const token = fields[name]
      // An unsolved widget sends an empty one.
      if (typeof token === 'string' && token !== '') fields['captcha_token'] = token
      Reflect.deleteProperty(fields, name)
    }
  }
  done()
}
