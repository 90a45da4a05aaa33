import { Type, type Static, type TSchema } from 'typebox'

/** Visible text of one line: Postgres takes no NUL and no half of a surrogate pair, nobody needs control characters. */
export const LINE = '^[^\\p{Cc}\\p{Cs}\\p{Zl}\\p{Zp}]*$'

export const Line = (maxLength: number) => Type.String({ minLength: 1, maxLength, pattern: LINE })

export const EmailField = Type.String({
  minLength: 3,
  maxLength: 320,
  description: 'One plain address'
})

/** Refused before it is hashed beyond 256 code points; this bound is on what is read at all. */
export const PasswordField = Type.String({ minLength: 1, maxLength: 1_024 })

export const IdField = Type.String({ format: 'uuid' })

export const TimeField = Type.String({ format: 'date-time' })

export const Nullable = <Schema extends TSchema>(schema: Schema) =>
  Type.Union([schema, Type.Null()])

export const Problem = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String(),
    code: Type.String({ description: 'For machines; never changes its meaning' }),
    errors: Type.Optional(Type.Array(Type.Object({ field: Type.String(), detail: Type.String() }))),
    captcha: Type.Optional(
      Type.Object(
        { provider: Type.String(), site_key: Type.String(), action: Type.String() },
        { description: 'With `captcha_required`: the widget whose token is `captcha_token`' }
      )
    )
  },
  { $id: 'Problem', description: 'RFC 9457' }
)

/** Looked at only when it is asked for; taken once. */
export const CaptchaField = Type.String({
  minLength: 1,
  maxLength: 4_096,
  description: 'From the widget, after a `captcha_required`'
})

/** The refusals of a route, for its schema and the OpenAPI document. */
export function problems<const Status extends number>(...statuses: Status[]) {
  const content = { 'application/problem+json': { schema: Type.Ref('Problem') } }
  return refusals(statuses, content, PROBLEM_DESCRIPTIONS)
}

/** What every route may answer besides: our own fault, and what it stands on being away. */
function refusals<const Status extends number, Content>(
  statuses: Status[],
  content: Content,
  descriptions: Record<number, string>
) {
  const entries = [...statuses, 500, 503].map((status) => [
    status,
    { description: descriptions[status] ?? 'Refused', content }
  ])
  return Object.fromEntries(entries) as Record<Status, { description: string; content: Content }>
}

const PROBLEM_DESCRIPTIONS: Record<number, string> = {
  400: 'Not valid JSON, or a token that does not hold',
  401: 'Not who you have to be',
  403: 'Known, but not allowed',
  404: 'Not here, or not yours',
  409: 'Taken',
  413: 'Longer than 64 KiB',
  415: 'Not application/json',
  422: 'Wrong, missing or unknown fields',
  429: 'Too many attempts; see Retry-After',
  500: 'Our fault',
  503: 'Try again; see Retry-After'
}

export const UserBody = Type.Object(
  {
    id: Type.String({ format: 'uuid' }),
    email: Type.String(),
    email_verified: Type.Boolean(),
    username: Type.Union([Type.String(), Type.Null()]),
    name: Type.Union([Type.String(), Type.Null()]),
    surname: Type.Union([Type.String(), Type.Null()]),
    phone_number: Type.Union([Type.String(), Type.Null()]),
    locale: Type.Union([Type.String(), Type.Null()]),
    roles: Type.Array(Type.String()),
    status: Type.Union([Type.Literal('active'), Type.Literal('disabled')]),
    created_at: Type.String({ format: 'date-time' })
  },
  { $id: 'User' }
)

/** `User` by name, so that the OpenAPI document tells it once. */
export const UserRef = Type.Unsafe<Static<typeof UserBody>>(Type.Ref('User'))

/** RFC 6749 §5.2: how the OAuth endpoints refuse. */
export const OAuthErrorBody = Type.Object(
  { error: Type.String(), error_description: Type.String() },
  { $id: 'OAuthError', description: 'RFC 6749 §5.2' }
)

/** The refusals of an OAuth endpoint. */
export function oauthErrors<const Status extends number>(...statuses: Status[]) {
  const content = { 'application/json': { schema: Type.Ref('OAuthError') } }
  return refusals(statuses, content, OAUTH_DESCRIPTIONS)
}

const OAUTH_DESCRIPTIONS: Record<number, string> = {
  400: 'Refused; `error` says by which rule',
  401: 'The client, or its token, is not believed',
  403: 'The token lacks a scope',
  413: 'Longer than 64 KiB',
  415: 'Not a form',
  429: 'Too many requests; see Retry-After',
  500: 'Our fault',
  503: 'Try again; see Retry-After'
}
