import { Type, type Static } from 'typebox'
import { LINE, Line } from '../http/schemas.ts'
import { SIGNING_ALGORITHMS } from '../signing/algorithm.ts'
import { CLIENT_ALGS } from './public-jwk.ts'

export const Uri = Type.String({ minLength: 8, maxLength: 2_048, pattern: LINE })
const Alg = Type.Enum([...CLIENT_ALGS])

/** Links for people: kept and told again, never fetched. */
export const LINK_NAMES = ['client_uri', 'logo_uri', 'policy_uri', 'tos_uri'] as const

/** Client metadata without a column of its own (RFC 7591 §2, OpenID Connect Registration §2). */
export const CLIENT_EXTRAS = {
  application_type: Type.Enum(['web', 'native']),
  client_uri: Uri,
  logo_uri: Uri,
  policy_uri: Uri,
  tos_uri: Uri,
  contacts: Type.Array(Line(320), { maxItems: 10 }),
  sector_identifier_uri: Uri,
  token_endpoint_auth_signing_alg: Alg,
  request_object_signing_alg: Alg,
  default_max_age: Type.Integer({
    minimum: 0,
    maximum: 999_999_999,
    description: 'Seconds since the login, where a request has no `max_age`'
  }),
  require_auth_time: Type.Boolean({ description: 'Kept; every ID token has `auth_time`' }),
  userinfo_signed_response_alg: Type.Enum([...SIGNING_ALGORITHMS], {
    description: 'Signs what userinfo answers, which is JSON without it; one of SIGNING_ALGORITHMS'
  })
}
export type ClientExtras = {
  [Name in keyof typeof CLIENT_EXTRAS]?: Static<(typeof CLIENT_EXTRAS)[Name]>
}

export const EXTRA_NAMES = Object.keys(CLIENT_EXTRAS) as (keyof ClientExtras)[]
