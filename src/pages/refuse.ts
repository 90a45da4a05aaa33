import type { FastifyReply } from 'fastify'
import type { ProblemError } from '../errors.ts'

/** Status and waiting time of a refusal; the page that follows says it in words. */
export function refuse(
  reply: FastifyReply,
  { status, retryAfterSeconds }: Pick<ProblemError, 'status' | 'retryAfterSeconds'>
): FastifyReply {
  if (retryAfterSeconds !== undefined) reply.header('retry-after', String(retryAfterSeconds))
  return reply.code(status).type('text/html')
}
