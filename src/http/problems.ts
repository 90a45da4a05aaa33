import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { ProblemError, type FieldProblem, type ProblemCode } from '../errors.ts'

const TITLES: Record<number, string> = {
  400: 'Bad request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not found',
  405: 'Method not allowed',
  408: 'Request timeout',
  409: 'Conflict',
  413: 'Content too large',
  415: 'Unsupported media type',
  422: 'Unprocessable content',
  429: 'Too many requests',
  500: 'Internal server error',
  503: 'Service unavailable'
}

/** What Fastify refuses before a route is reached, in our words. */
const FASTIFY_PROBLEMS: Record<string, [ProblemCode, string]> = {
  FST_ERR_CTP_BODY_TOO_LARGE: ['body_too_large', 'The body must not exceed 64 KiB.'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ['unsupported_media_type', 'Send application/json.'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: [
    'invalid_request',
    'The body and its Content-Length differ.'
  ],
  FST_ERR_CTP_INVALID_JSON_BODY: ['invalid_request', 'The body is not valid JSON.'],
  FST_ERR_CTP_EMPTY_JSON_BODY: ['invalid_request', 'The body is empty.']
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Why it was refused, for the log: the private half of the problem. */
    refusal: string | null
  }
}

export type ProblemsOptions = {
  /** For people: what a browser that opens a page finds where nothing is. */
  renderPage: (problem: ProblemError, request: FastifyRequest, reply: FastifyReply) => FastifyReply
}

/** Every error leaves as `application/problem+json` (RFC 9457), without a stack and without a value. */
export default fp<ProblemsOptions>(
  (app: FastifyInstance, { renderPage }, done) => {
    app.decorateRequest('refusal', null)
    app.setErrorHandler((error: FastifyError | ProblemError, request, reply) =>
      sendProblem(toProblem(error), request, reply)
    )
    app.setNotFoundHandler((request, reply) => {
      const problem = new ProblemError('not_found', 'There is nothing here.')
      const isForPeople = request.headers.accept?.startsWith('text/html') ?? false
      return isForPeople
        ? renderPage(problem, request, reply)
        : sendProblem(problem, request, reply)
    })
    done()
  },
  { name: 'problems', fastify: '5.x' }
)

function sendProblem(problem: ProblemError, request: FastifyRequest, reply: FastifyReply) {
  const { code, status, retryAfterSeconds } = problem
  if (status >= 500) request.log.error({ err: problem }, 'request failed')
  request.refusal = problem.message
  if (retryAfterSeconds !== undefined) reply.header('retry-after', String(retryAfterSeconds))
  if (status === 401 && !reply.hasHeader('www-authenticate')) {
    // RFC 9110 §11.6.1: every 401 names a scheme; RFC 6750 §3 wants a parameter after it, which is the
    // error once a Bearer token was shown (§3.1).
    const wasShown = /^Bearer /i.test(request.headers.authorization ?? '')
    const isInvalid = wasShown && code === 'invalid_access_token'
    const challenge = isInvalid ? 'Bearer error="invalid_token"' : 'Bearer realm="latchkey"'
    reply.header('www-authenticate', challenge)
  }
  return reply
    .code(status)
    .type('application/problem+json')
    .serializer((body: unknown) => JSON.stringify(body))
    .send(problemDocument(problem))
}

/** The body of an answer that says no (RFC 9457 §3). */
export function problemDocument({ code, status, detail, errors, extensions }: ProblemError) {
  const title = TITLES[status] ?? 'Error'
  return { type: 'about:blank', title, status, detail, code, errors, ...extensions }
}

function toProblem(error: FastifyError | ProblemError): ProblemError {
  if (error instanceof ProblemError) return error
  if (error.validation !== undefined) {
    return new ProblemError('validation_failed', 'The request has wrong fields.', {
      errors: error.validation.map(fieldProblem)
    })
  }
  const known = FASTIFY_PROBLEMS[error.code]
  if (known !== undefined) return new ProblemError(...known, { cause: error })
  if (error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500) {
    return new ProblemError('invalid_request', 'The request is malformed.', { cause: error })
  }
  return new ProblemError('internal_error', 'Something went wrong here. It has been logged.', {
    cause: error
  })
}

type Violation = { instancePath: string; keyword: string; params: object; message?: string }

/** A name that a client sent is repeated where it reads like one; 256 random bits never do: they take 43 characters. */
const NAME = /^[A-Za-z0-9_.-]{1,40}$/

/** Names the field and the rule. ajv's message holds the rule's values, never the request's. */
function fieldProblem({ instancePath, keyword, params, message }: Violation): FieldProblem {
  const path = instancePath.split('/').slice(1)
  const { missingProperty, additionalProperty } = params as Record<string, string | undefined>
  if (keyword === 'required' && missingProperty !== undefined) {
    return { field: [...path, missingProperty].join('.'), detail: 'is required' }
  }
  if (keyword === 'additionalProperties' && additionalProperty !== undefined) {
    return NAME.test(additionalProperty)
      ? { field: [...path, additionalProperty].join('.'), detail: 'is not known' }
      : { field: path.join('.'), detail: 'has a field that is not known' }
  }
  return { field: path.join('.'), detail: message ?? 'is wrong' }
}
