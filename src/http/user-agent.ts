import type { FastifyRequest } from 'fastify'

/** What a browser calls itself, for the list of sessions. */
export function userAgentOf({ headers }: FastifyRequest): string | null {
  const text = headers['user-agent']?.replaceAll(/[^\x20-\x7e]/g, '').slice(0, 200)
  return text === undefined || text === '' ? null : text
}
