import { parse } from 'node:querystring'
import formbody from '@fastify/formbody'
import type { FastifyError, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import { OAuthError, ProblemError } from '../errors.ts'
import {
  deviceAuthorizationRoutes,
  type DeviceAuthorizationRoutesOptions
} from './device-authorization-routes.ts'
import { introspectionRoutes, type IntrospectionRoutesOptions } from './introspection-routes.ts'
import { CLIENT_ALGS } from './public-jwk.ts'
import { parRoutes, type ParRoutesOptions } from './par-routes.ts'
import { oauthTokenRoutes, type TokenRoutesOptions } from './token-routes.ts'
import { userinfoRoutes, type UserinfoRoutesOptions } from './userinfo-routes.ts'

export type OAuthRoutesOptions = TokenRoutesOptions &
  UserinfoRoutesOptions &
  ParRoutesOptions &
  DeviceAuthorizationRoutesOptions &
  IntrospectionRoutesOptions

/**
 * What clients call: form bodies and RFC 6749 errors. Nothing outside speaks either. Open to every origin,
 * for nothing here rides on a cookie.
 */
export const oauthRoutes: FastifyPluginAsync<OAuthRoutesOptions> = async (app, options) => {
  app.removeContentTypeParser('application/json')
  await app.register(formbody, { parser: parseForm })
  app.setErrorHandler(createErrorWriter(refuseForm))
  await app.register(oauthTokenRoutes, options)
  await app.register(userinfoRoutes, options)
  await app.register(parRoutes, options)
  await app.register(deviceAuthorizationRoutes, options)
  await app.register(introspectionRoutes, options)
}

/** Empty values are as if they were not there (RFC 6749 §3.2); a repeated one stays an array and fails. */
function parseForm(body: string): Fields {
  const fields = parse(body)
  if (!Object.values(fields).includes('')) return fields
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== ''))
}

type Fields = Record<string, string | string[] | undefined>

/** What a schema found wrong. */
export type Violation = { instancePath: string; keyword: string; params: object }

/**
 * RFC 6749 §5.2 errors.
 * @param refuse says what is wrong with what was sent; without a violation it could not be read at all
 */
export function createErrorWriter(refuse: (violation: Violation | undefined) => OAuthError) {
  return function writeOAuthError(
    error: FastifyError | ProblemError | OAuthError,
    request: FastifyRequest,
    reply: FastifyReply
  ) {
    const refusal = toOAuthError(error, refuse)
    const { code, description } = refusal
    const status = error instanceof ProblemError ? error.status : statusOf(refusal, request)
    if (status >= 500) request.log.error({ err: error }, 'request failed')
    request.refusal = error.message
    if (error instanceof ProblemError && error.retryAfterSeconds !== undefined) {
      reply.header('retry-after', String(error.retryAfterSeconds))
    }
    const challenge = challengeOf(refusal, request)
    if (challenge !== null) reply.header('www-authenticate', challenge)
    return reply
      .code(status)
      .type('application/json')
      .serializer((body: unknown) => JSON.stringify(body))
      .send({ error: code, error_description: description })
  }
}

/** At a resource a wrong proof is a wrong credential; at the token endpoint a wrong request (RFC 9449 §7.1, §5). */
function statusOf({ code, status }: OAuthError, request: FastifyRequest): number {
  return code === 'invalid_dpop_proof' && isByDpop(request) ? 401 : status
}

/** RFC 6749 §5.2, RFC 6750 §3, RFC 9449 §7.1: how to come in. */
function challengeOf({ code, description }: OAuthError, request: FastifyRequest): string | null {
  if (code === 'invalid_client') return 'Basic realm="latchkey"'
  const isAboutToken = code === 'invalid_token' || code === 'insufficient_scope'
  if (!isAboutToken && !(code === 'invalid_dpop_proof' && isByDpop(request))) return null
  const error = `error="${code}", error_description="${description}"`
  if (isByDpop(request)) return `DPoP algs="${CLIENT_ALGS.join(' ')}", ${error}`
  return showsToken(request) ? `Bearer ${error}` : 'Bearer realm="latchkey"'
}

function isByDpop({ headers }: FastifyRequest): boolean {
  return /^DPoP /i.test(headers.authorization ?? '')
}

/** Who has shown nothing is only told the way (RFC 6750 §3.1). */
function showsToken({ headers, body }: FastifyRequest): boolean {
  const form = (body ?? {}) as { access_token?: unknown }
  return headers.authorization !== undefined || form.access_token !== undefined
}

function toOAuthError(
  error: FastifyError | ProblemError | OAuthError,
  refuse: (violation: Violation | undefined) => OAuthError
): OAuthError {
  if (error instanceof OAuthError) return error
  if (error instanceof ProblemError) {
    if (error.status === 429) return new OAuthError('too_many_requests', error.detail)
    if (error.status === 503) return new OAuthError('temporarily_unavailable', error.detail)
    if (error.status < 500) return new OAuthError('invalid_request', error.detail)
  } else if (error.statusCode !== undefined && error.statusCode < 500) {
    return refuse(error.validation?.[0])
  }
  return new OAuthError('server_error', 'Something went wrong here. It has been logged.')
}

function refuseForm(violation: Violation | undefined): OAuthError {
  const description =
    violation === undefined
      ? 'Send a form: application/x-www-form-urlencoded, not above 64 KiB.'
      : describeViolation(violation)
  return new OAuthError('invalid_request', description)
}

/** Names the parameter and the rule, never its value. */
export function describeViolation({ instancePath, keyword, params }: Violation): string {
  const { missingProperty } = params as { missingProperty?: string }
  const name = missingProperty ?? instancePath.split('/')[1] ?? ''
  if (keyword === 'required') return `${name} is required.`
  return `${name} is malformed, too long, or repeated.`
}
