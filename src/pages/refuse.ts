import type { FastifyReply } from 'fastify'
import type { ProblemError } from '../errors.ts'
import { problemText } from './problem-text.ts'

/**
 * Sets the headers of a refusal.
 * @returns what the page says about it
 */
export function refuse(reply: FastifyReply, error: ProblemError) {
  const { status, code, retryAfterSeconds } = error
  reply.request.refusal = error.message
  if (retryAfterSeconds !== undefined) reply.header('retry-after', String(retryAfterSeconds))
  // RFC 9110 §11.6.1: every 401 names a scheme. No browser asks anybody for this one.
  if (status === 401) reply.header('www-authenticate', 'Bearer')
  return { problem: problemText(error), code }
}
