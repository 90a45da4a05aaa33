import { Type, type Static } from 'typebox'
import { Line, Nullable } from '../http/schemas.ts'
import { SIGNING_ALGORITHMS } from '../signing/algorithm.ts'
import { ACCESS_TOKEN_SECONDS } from '../tokens/lifetimes.ts'
import { CLIENT_EXTRAS, Uri } from './client-extras.ts'
import { AUTH_METHODS, GRANT_TYPES } from './client.ts'
import { PublicJwk } from './public-jwk.ts'
import { SCOPE } from './scopes.ts'

const Uris = Type.Array(Uri, { maxItems: 20 })
const ClientId = Type.String({ pattern: '^[\\x21\\x23-\\x5b\\x5d-\\x7e]{1,128}$' })

/** What a client may say of itself (RFC 7591 §2, with the names of the RFCs that added to it). */
const CLIENT_METADATA = {
  client_name: Line(128),
  token_endpoint_auth_method: Type.Enum([...AUTH_METHODS]),
  grant_types: Type.Array(Type.Enum([...GRANT_TYPES]), {
    minItems: 1,
    maxItems: GRANT_TYPES.length
  }),
  redirect_uris: Uris,
  post_logout_redirect_uris: Uris,
  backchannel_logout_uri: Type.Union([Uri, Type.Null()]),
  scope: Type.String({
    maxLength: 2_048,
    pattern: SCOPE,
    description: 'What it may ask for, separated by blanks'
  }),
  jwks: Type.Union([
    Type.Object(
      {
        keys: Type.Array(PublicJwk, { minItems: 1, maxItems: 20 })
      },
      { additionalProperties: false }
    ),
    Type.Null()
  ]),
  jwks_uri: Type.Union([Uri, Type.Null()]),
  subject_type: Type.Enum(['public', 'pairwise']),
  id_token_signed_response_alg: Type.Enum([...SIGNING_ALGORITHMS], {
    description: 'Signs its ID and logout tokens; one of SIGNING_ALGORITHMS'
  }),
  require_pushed_authorization_requests: Type.Boolean(),
  dpop_bound_access_tokens: Type.Boolean(),
  application_type: Nullable(CLIENT_EXTRAS.application_type),
  client_uri: Nullable(CLIENT_EXTRAS.client_uri),
  logo_uri: Nullable(CLIENT_EXTRAS.logo_uri),
  policy_uri: Nullable(CLIENT_EXTRAS.policy_uri),
  tos_uri: Nullable(CLIENT_EXTRAS.tos_uri),
  contacts: Nullable(CLIENT_EXTRAS.contacts),
  sector_identifier_uri: Nullable(CLIENT_EXTRAS.sector_identifier_uri),
  token_endpoint_auth_signing_alg: Nullable(CLIENT_EXTRAS.token_endpoint_auth_signing_alg),
  request_object_signing_alg: Nullable(CLIENT_EXTRAS.request_object_signing_alg),
  default_max_age: Nullable(CLIENT_EXTRAS.default_max_age),
  require_auth_time: Nullable(CLIENT_EXTRAS.require_auth_time),
  userinfo_signed_response_alg: Nullable(CLIENT_EXTRAS.userinfo_signed_response_alg)
}

/** What only an operator says of a client. */
const POLICY = {
  audiences: Type.Array(Line(512), {
    maxItems: 50,
    description: 'What `resource` may name (RFC 8707)'
  }),
  first_party: Type.Boolean({ description: 'Our own: nobody is asked for consent' }),
  resource_server: Type.Boolean({ description: 'May introspect the tokens of every audience' }),
  require_pkce: Type.Boolean({ description: 'Public clients always need it' }),
  shows_roles: Type.Boolean({ description: "Whether its tokens say the person's roles" }),
  access_token_signed_response_alg: Type.Enum([...SIGNING_ALGORITHMS], {
    description:
      'Signs its access tokens, for the services that it calls; one of SIGNING_ALGORITHMS'
  }),
  access_token_ttl_seconds: Type.Union([Type.Integer(ACCESS_TOKEN_SECONDS), Type.Null()]),
  refresh_idle_seconds: Type.Union([
    Type.Integer({ minimum: 60, maximum: 31_536_000 }),
    Type.Null()
  ]),
  refresh_absolute_seconds: Type.Union([
    Type.Integer({ minimum: 60, maximum: 31_536_000 }),
    Type.Null()
  ])
}

const ALL = { ...CLIENT_METADATA, ...POLICY }

/** A client as an administrator writes it: everything but the name has a default. */
export const NewClientBody = Type.Object(
  {
    ...Type.Partial(Type.Object(ALL)).properties,
    client_id: Type.Optional(ClientId),
    client_name: Line(128)
  },
  { additionalProperties: false }
)
export type NewClientBody = Static<typeof NewClientBody>

export const ClientChangesBody = Type.Partial(Type.Object(ALL), { additionalProperties: false })
export type ClientChangesBody = Static<typeof ClientChangesBody>

export const ClientBody = Type.Object({
  client_id: Type.String(),
  ...ALL,
  registered_by: Type.Enum(['operator', 'registration', 'document'], {
    description:
      'An operator, dynamic registration, or its own metadata document (then client_id is its URL)'
  }),
  disabled: Type.Boolean(),
  created_at: Type.String({ format: 'date-time' })
})
export type ClientBody = Static<typeof ClientBody>
