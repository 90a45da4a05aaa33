import type { FastifyRequest } from 'fastify'
import type { RequestOrigin } from '../audit/events.ts'

/** Where a request came from, for the audit trail. `ip` is a proxy's word only for a trusted one. */
export function originOf(request: FastifyRequest): RequestOrigin {
  return { requestId: request.id, address: request.ip }
}
