import { Type, type Static } from 'typebox'
import { validationFailed } from '../errors.ts'
import { CaptchaField, EmailField, Line, PasswordField, UserRef } from '../http/schemas.ts'
import type { VerificationInput } from './registration.ts'

/** A person chooses it and types it: lower case, so that no two look alike. */
export const UsernameField = Type.String({
  minLength: 3,
  maxLength: 64,
  pattern: '^[a-z0-9._-]+$',
  description: 'Lower case letters, digits, dot, underscore, dash'
})

export const PhoneField = Type.String({
  pattern: '^\\+[1-9][0-9]{6,14}$',
  description: 'E.164, such as +4930123456'
})

export const LocaleField = Type.String({
  maxLength: 35,
  pattern: '^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$',
  description: 'BCP 47'
})

export const RegisterBody = Type.Object(
  {
    email: EmailField,
    password: PasswordField,
    username: Type.Optional(UsernameField),
    name: Type.Optional(Line(200)),
    surname: Type.Optional(Line(200)),
    phone_number: Type.Optional(PhoneField),
    locale: Type.Optional(LocaleField),
    captcha_token: Type.Optional(CaptchaField)
  },
  { additionalProperties: false }
)
export type RegisterBody = Static<typeof RegisterBody>

export const UserAnswer = Type.Object({ user: UserRef })

const MailToken = Type.String({ minLength: 1, maxLength: 128 })
const TypedCode = Type.String({
  minLength: 1,
  maxLength: 32,
  description: 'From the mail, as 7KQM-2XHD'
})

/** The link's `token`, or the typed `code` beside the `email`. */
export const VerifyEmailBody = Type.Object(
  {
    token: Type.Optional(MailToken),
    email: Type.Optional(EmailField),
    code: Type.Optional(TypedCode)
  },
  { additionalProperties: false }
)
export type VerifyEmailBody = Static<typeof VerifyEmailBody>

export const ResendBody = Type.Object({ email: EmailField }, { additionalProperties: false })
export type ResendBody = Static<typeof ResendBody>

/** The link's `token`, or the typed `code` beside the `email`; and the new password. */
export const ResetPasswordBody = Type.Object(
  {
    token: Type.Optional(MailToken),
    email: Type.Optional(EmailField),
    code: Type.Optional(TypedCode),
    new_password: PasswordField
  },
  { additionalProperties: false }
)
export type ResetPasswordBody = Static<typeof ResetPasswordBody>

export const ForgotPasswordBody = Type.Object(
  { email: EmailField, captcha_token: Type.Optional(CaptchaField) },
  { additionalProperties: false }
)

export const UndoEmailChangeBody = Type.Object(
  { token: MailToken },
  { additionalProperties: false }
)

export const ChangePasswordBody = Type.Object(
  { current_password: PasswordField, new_password: PasswordField },
  { additionalProperties: false }
)

export const MessageAnswer = Type.Object({ message: Type.String() })

export const VerifiedAnswer = Type.Object({
  message: Type.String(),
  password_reset_required: Type.Optional(
    Type.Literal(true, {
      description:
        'The address had been registered with several passwords: none counts, a mail to set one is on its way'
    })
  )
})

export const VERIFIED = 'The address is verified. You can log in now.'
export const VERIFIED_WITHOUT_PASSWORD =
  'The address is verified. It had been registered with several passwords, so none of them counts: set yours by the mail that is on its way, or by "forgot password".'

/** @throws {ProblemError} `validation_failed` unless it is exactly one of the two ways */
export function verificationInput({
  token,
  email,
  code
}: VerifyEmailBody | ResetPasswordBody): VerificationInput {
  if (token !== undefined && email === undefined && code === undefined) return { token }
  if (token === undefined && email !== undefined && code !== undefined) return { email, code }
  throw validationFailed('', 'needs token, or email and code')
}
