import type { FastifyReply } from 'fastify'
import type { ProblemError } from '../errors.ts'
import { widgetOf } from './captcha-widget.ts'
import { textsFor } from './language.ts'
import { problemText } from './problem-text.ts'

/**
 * Sets the headers of a refusal.
 * @returns what the page says about it, and the widget that it may ask for
 */
export function refuse(reply: FastifyReply, error: ProblemError) {
  const { status, code, retryAfterSeconds } = error
  reply.request.refusal = error.message
  if (retryAfterSeconds !== undefined) reply.header('retry-after', String(retryAfterSeconds))
  // RFC 9110 §11.6.1: every 401 names a scheme. No browser asks anybody for this one.
  if (status === 401) reply.header('www-authenticate', 'Bearer realm="latchkey"')
  return { problem: problemText(error, textsFor(reply.request)), code, captcha: widgetOf(error) }
}
