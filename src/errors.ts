/** Every `code` a first-party answer can carry, and its status. A code never changes its meaning. */
const PROBLEM_STATUS = {
  invalid_request: 400,
  invalid_token: 400,
  invalid_credentials: 401,
  invalid_access_token: 401,
  invalid_refresh_token: 401,
  insufficient_user_authentication: 401,
  account_disabled: 403,
  email_not_verified: 403,
  cross_site_request: 403,
  password_reset_required: 403,
  captcha_required: 403,
  insufficient_scope: 403,
  not_found: 404,
  email_taken: 409,
  username_taken: 409,
  client_id_taken: 409,
  erasure_not_yet: 409,
  email_change_not_yet: 409,
  not_yourself: 409,
  not_parked: 409,
  webhook_disabled: 409,
  too_many_webhooks: 409,
  body_too_large: 413,
  unsupported_media_type: 415,
  validation_failed: 422,
  weak_password: 422,
  too_many_attempts: 429,
  internal_error: 500,
  service_unavailable: 503
} as const

export type ProblemCode = keyof typeof PROBLEM_STATUS

/** One field that is wrong: `field` names it (`""` is the body itself), `detail` says why, no value is repeated. */
export type FieldProblem = { field: string; detail: string }

export type ProblemContext = {
  /** Private: for the log only. Never holds a secret. */
  reason?: string
  cause?: unknown
  errors?: FieldProblem[]
  retryAfterSeconds?: number
  /** More members of the problem document (RFC 9457 §3.2). */
  extensions?: Record<string, unknown>
}

/**
 * An expected refusal, sent as `application/problem+json` (RFC 9457). `detail` is public and says
 * what to do; `reason` stays in the log.
 */
export class ProblemError extends Error {
  override readonly name = 'ProblemError'
  readonly code: ProblemCode
  readonly status: number
  readonly detail: string
  readonly errors: FieldProblem[] | undefined
  readonly retryAfterSeconds: number | undefined
  readonly extensions: Record<string, unknown>

  constructor(code: ProblemCode, detail: string, context: ProblemContext = {}) {
    super(`${code}: ${context.reason ?? detail}`, { cause: context.cause })
    this.code = code
    this.status = PROBLEM_STATUS[code]
    this.detail = detail
    this.errors = context.errors
    this.retryAfterSeconds = context.retryAfterSeconds
    this.extensions = context.extensions ?? {}
  }
}

/** What Latchkey stands on does not answer. 503 on the wire, never 401: good tokens stay good. */
export class UnavailableError extends ProblemError {
  constructor(reason: string, cause?: unknown) {
    super('service_unavailable', 'The service cannot answer just now. Try again in a moment.', {
      reason,
      cause,
      retryAfterSeconds: 1
    })
  }
}

/** Whoever asks was erased since their login was looked at. */
export class PersonGoneError extends ProblemError {
  constructor(cause?: unknown) {
    super('invalid_access_token', 'Log in, and send a valid access token.', {
      reason: 'the person was erased meanwhile',
      cause
    })
  }
}

/** One field that no schema can refuse. */
export function validationFailed(field: string, detail: string): ProblemError {
  return new ProblemError('validation_failed', 'The request has wrong fields.', {
    errors: [{ field, detail }]
  })
}

/** Every `error` of the OAuth and OpenID endpoints, and its status where it is not sent by a redirect. */
const OAUTH_STATUS = {
  // RFC 6749 §4.1.2.1, §5.2
  invalid_request: 400,
  invalid_client: 401,
  invalid_grant: 400,
  unauthorized_client: 400,
  unsupported_grant_type: 400,
  invalid_scope: 400,
  access_denied: 400,
  unsupported_response_type: 400,
  server_error: 500,
  temporarily_unavailable: 503,
  // OpenID Connect Core §3.1.2.6
  login_required: 400,
  consent_required: 400,
  invalid_request_uri: 400,
  invalid_request_object: 400,
  request_uri_not_supported: 400,
  registration_not_supported: 400,
  // RFC 6750 §3.1
  invalid_token: 401,
  insufficient_scope: 403,
  // RFC 7591 §3.2.2
  invalid_redirect_uri: 400,
  invalid_client_metadata: 400,
  // RFC 8628 §3.5
  authorization_pending: 400,
  slow_down: 400,
  expired_token: 400,
  // RFC 8707 §2
  invalid_target: 400,
  // RFC 9449 §5
  invalid_dpop_proof: 400,
  // Not the specifications', but what a limit per address needs (RFC 6585 §4)
  too_many_requests: 429
} as const

export type OAuthErrorCode = keyof typeof OAUTH_STATUS

/** An expected refusal of an OAuth endpoint (RFC 6749 §5.2). `description` is public; `reason` stays in the log. */
export class OAuthError extends Error {
  override readonly name = 'OAuthError'
  readonly code: OAuthErrorCode
  readonly status: number
  readonly description: string

  constructor(
    code: OAuthErrorCode,
    description: string,
    context: { reason?: string; cause?: unknown } = {}
  ) {
    super(`${code}: ${context.reason ?? description}`, { cause: context.cause })
    this.code = code
    this.status = OAUTH_STATUS[code]
    this.description = description
  }
}
