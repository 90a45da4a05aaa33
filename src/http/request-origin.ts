import type { FastifyRequest } from 'fastify'
import type { RequestOrigin } from '../audit/events.ts'

/** Where a request came from, for the audit trail. `ip` is a proxy's word only for a trusted one. */
export function originOf(request: FastifyRequest): RequestOrigin {
  return {
    requestId: request.id,
    address: request.ip,
    tell: (who) => {
      tellWho(request, who)
    }
  }
}

/** Notes whose request it turned out to be, for its line in the log. Ids only, never a name or an address. */
export function tellWho(
  request: FastifyRequest,
  { userId, sessionId }: { userId?: string | undefined; sessionId?: string | undefined }
): void {
  request.who = {
    userId: userId ?? request.who?.userId,
    sessionId: sessionId ?? request.who?.sessionId
  }
}
