import type { FastifyReply, FastifyRequest } from 'fastify'

/** The secret of a login at the pages. Only a page of our own may act by it; that is the caller's to check. */
export function readBrowserCookie(request: FastifyRequest): string | undefined {
  return request.server.readCookie(request, 'session') ?? undefined
}

/** @param maxAgeSeconds how long the browser keeps it; how long it holds is Postgres' to say */
export function setBrowserCookie(reply: FastifyReply, value: string, maxAgeSeconds: number): void {
  reply.server.writeCookie(reply, 'session', value, maxAgeSeconds)
}

export function clearBrowserCookie(reply: FastifyReply): void {
  reply.server.clearCookie(reply, 'session')
}
