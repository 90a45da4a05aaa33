import { Type, type Static } from 'typebox'
import { UsernameField } from '../accounts/schemas.ts'
import { CaptchaField, EmailField, Line, PasswordField, UserRef } from '../http/schemas.ts'

/** `email` or `username`, one of them. */
export const LoginBody = Type.Object(
  {
    email: Type.Optional(EmailField),
    username: Type.Optional(UsernameField),
    password: PasswordField,
    device: Type.Optional(Line(200)),
    token_delivery: Type.Optional(Type.Union([Type.Literal('body'), Type.Literal('cookie')])),
    captcha_token: Type.Optional(CaptchaField)
  },
  { additionalProperties: false }
)
export type LoginBody = Static<typeof LoginBody>

/** Without `refresh_token` the cookie is meant; a body may be left out altogether. */
export const RefreshBody = Type.Union([
  Type.Object(
    { refresh_token: Type.Optional(Type.String({ minLength: 1, maxLength: 512 })) },
    { additionalProperties: false }
  ),
  Type.Null()
])

/** A body may be left out altogether. */
export const LogoutBody = Type.Union([
  Type.Object(
    {
      scope: Type.Optional(
        Type.Union([Type.Literal('this'), Type.Literal('others'), Type.Literal('all')])
      ),
      refresh_token: Type.Optional(Type.String({ minLength: 1, maxLength: 512 }))
    },
    { additionalProperties: false }
  ),
  Type.Null()
])

export const ReauthenticateBody = Type.Object(
  { password: PasswordField },
  { additionalProperties: false }
)

const access = {
  access_token: Type.String({ description: 'RS256 JWT (RFC 9068)' }),
  token_type: Type.Literal('Bearer'),
  expires_in: Type.Integer({ description: 'Seconds' })
}

const pair = {
  ...access,
  refresh_token: Type.Optional(
    Type.String({ description: 'Opaque; good for one use. Not there when it is in the cookie' })
  ),
  refresh_expires_in: Type.Integer({ description: 'Seconds' })
}

export const AccessTokenAnswer = Type.Object(access)
export const RefreshAnswer = Type.Object(pair)
export const LoginAnswer = Type.Object({ ...pair, user: UserRef })
