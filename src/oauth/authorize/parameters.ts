import { Type, type Static } from 'typebox'

/** Postgres takes no NUL, and nobody needs control characters. */
const text = (maxLength: number) =>
  Type.Optional(Type.String({ maxLength, pattern: '^[^\\p{Cc}\\p{Cs}]*$' }))

/**
 * What an authorization request may say. Unknown parameters are ignored; a repeated one arrives as an
 * array and fails (RFC 6749 §3.1), but for `resource` (RFC 8707 §2).
 */
export const AuthorizationParameters = Type.Object({
  client_id: text(2_048),
  redirect_uri: text(2_048),
  response_type: text(128),
  response_mode: text(64),
  scope: text(2_048),
  state: text(4_096),
  nonce: text(1_024),
  code_challenge: text(128),
  code_challenge_method: text(16),
  prompt: text(128),
  max_age: text(16),
  login_hint: text(320),
  id_token_hint: text(8_192),
  acr_values: text(512),
  ui_locales: text(128),
  display: text(16),
  claims: text(8_192),
  claims_locales: text(128),
  dpop_jkt: text(64),
  resource: Type.Optional(
    Type.Union([
      Type.String({ maxLength: 2_048 }),
      Type.Array(Type.String({ maxLength: 2_048 }), { maxItems: 20 })
    ])
  ),
  request: text(32_768),
  request_uri: text(2_048),
  registration: text(8_192)
})
export type AuthorizationParameters = Static<typeof AuthorizationParameters>
