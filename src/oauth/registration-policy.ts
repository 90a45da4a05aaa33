import { Line } from '../http/schemas.ts'
import { SCOPE } from './scopes.ts'
import { Type, type Static } from 'typebox'
import { GRANT_TYPES, OPENID_SCOPES } from './client.ts'

/** What a client may register at most. It never becomes first-party or a resource server that way. */
export const RegistrationPolicy = Type.Object(
  {
    require_pkce: Type.Boolean({ description: 'Public clients always need it' }),
    scope: Type.String({
      minLength: 1,
      maxLength: 2_048,
      pattern: SCOPE,
      description: 'What it may ask for at most'
    }),
    grant_types: Type.Array(Type.Enum([...GRANT_TYPES]), {
      minItems: 1,
      maxItems: GRANT_TYPES.length
    }),
    audiences: Type.Array(Line(512), {
      maxItems: 50,
      description: 'What `resource` may name (RFC 8707)'
    })
  },
  { additionalProperties: false }
)
export type RegistrationPolicy = Static<typeof RegistrationPolicy>

/** What hangs on a token, unless it is said otherwise. */
export const DEFAULT_REGISTRATION_POLICY: RegistrationPolicy = {
  require_pkce: true,
  scope: 'openid profile email offline_access',
  grant_types: ['authorization_code', 'refresh_token'],
  audiences: []
}

/**
 * For `DYNAMIC_REGISTRATION=open`: whoever comes without a token. Conformance suites send no PKCE and ask
 * for every scope that there is.
 */
export const OPEN_REGISTRATION_POLICY: RegistrationPolicy = {
  ...DEFAULT_REGISTRATION_POLICY,
  require_pkce: false,
  scope: OPENID_SCOPES.join(' ')
}
