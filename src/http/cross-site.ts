import type { FastifyRequest } from 'fastify'
import { ProblemError } from '../errors.ts'

export type CrossSiteRule = ReturnType<typeof createCrossSiteRule>

/**
 * Whether a request may send or set a cookie: it comes from a page of our own, or of an origin that the
 * configuration names. Anything else could be a foreign page that rides on somebody's login.
 */
export function createCrossSiteRule({
  issuer,
  corsOrigins
}: {
  issuer: string
  corsOrigins: string[]
}) {
  const origins = new Set([issuer, ...corsOrigins])

  function isOwnPage({ headers }: FastifyRequest): boolean {
    return headers['sec-fetch-site'] === 'same-origin' || origins.has(headers.origin ?? '')
  }

  /** @throws {ProblemError} `cross_site_request` */
  function requireOwnPage(request: FastifyRequest): void {
    if (isOwnPage(request)) return
    throw new ProblemError(
      'cross_site_request',
      'Cookies are only for pages of the origins in CORS_ORIGINS, which send Sec-Fetch-Site or Origin.'
    )
  }

  return { isOwnPage, requireOwnPage }
}
