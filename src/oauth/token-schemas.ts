import { Type, type Static } from 'typebox'

const text = (maxLength: number) => Type.Optional(Type.String({ maxLength }))
const many = (maxLength: number) =>
  Type.Optional(
    Type.Union([
      Type.String({ maxLength }),
      Type.Array(Type.String({ maxLength }), { maxItems: 20 })
    ])
  )

/** How a client may prove itself in a form. */
export const CLIENT_PARAMETERS = {
  client_id: text(2_048),
  client_secret: text(512),
  client_assertion: text(16_384),
  client_assertion_type: text(128)
}

/** Unknown parameters are ignored; a repeated one arrives as an array and fails (RFC 6749 §3.2). */
export const TokenRequest = Type.Object({
  grant_type: Type.String({ minLength: 1, maxLength: 128 }),
  ...CLIENT_PARAMETERS,
  code: text(256),
  redirect_uri: text(2_048),
  code_verifier: text(256),
  refresh_token: text(512),
  scope: text(2_048),
  resource: many(2_048),
  device_code: text(256),
  audience: many(2_048),
  subject_token: text(16_384),
  subject_token_type: text(128),
  actor_token: text(16_384),
  actor_token_type: text(128),
  requested_token_type: text(128)
})
export type TokenRequest = Static<typeof TokenRequest>

export const TokenAnswerBody = Type.Object({
  access_token: Type.String(),
  token_type: Type.Union([Type.Literal('Bearer'), Type.Literal('DPoP'), Type.Literal('N_A')]),
  expires_in: Type.Integer(),
  scope: Type.String(),
  refresh_token: Type.Optional(Type.String()),
  id_token: Type.Optional(Type.String()),
  issued_token_type: Type.Optional(Type.String())
})
