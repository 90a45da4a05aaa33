import type { Config } from '../config.ts'
import { DEFAULT_ALGORITHM } from '../signing/algorithm.ts'
import { AUTH_METHODS, GRANT_TYPES, OPENID_SCOPES } from './client.ts'
import { ACR } from './id-token.ts'
import { USER_CLAIMS } from './claims.ts'
import { CLIENT_ALGS } from './public-jwk.ts'

export type MetadataOptions = Pick<
  Config,
  'issuer' | 'dynamicRegistration' | 'clientIdMetadataDocuments' | 'signingAlgorithms'
> & {
  /** The languages of the pages. */
  uiLocales: readonly string[]
}

/** Nobody introspects without proving who it is (RFC 7662 §2.1). */
const SECRET_METHODS = AUTH_METHODS.filter((method) => method !== 'none')

/**
 * What the server can do, for both metadata documents (RFC 8414, OpenID Connect Discovery §3): only what
 * works, and an issuer that is equal to the byte.
 */
export function serverMetadata({
  issuer,
  dynamicRegistration,
  clientIdMetadataDocuments,
  signingAlgorithms,
  uiLocales
}: MetadataOptions): Record<string, unknown> {
  return {
    issuer,
    authorization_endpoint: `${issuer}/oauth/authorize`,
    token_endpoint: `${issuer}/oauth/token`,
    userinfo_endpoint: `${issuer}/oauth/userinfo`,
    jwks_uri: `${issuer}/.well-known/jwks.json`,
    pushed_authorization_request_endpoint: `${issuer}/oauth/par`,
    device_authorization_endpoint: `${issuer}/oauth/device_authorization`,
    introspection_endpoint: `${issuer}/oauth/introspect`,
    revocation_endpoint: `${issuer}/oauth/revoke`,
    end_session_endpoint: `${issuer}/oauth/logout`,
    ...(dynamicRegistration !== 'off' && { registration_endpoint: `${issuer}/oauth/register` }),
    ...(clientIdMetadataDocuments && { client_id_metadata_document_supported: true }),
    scopes_supported: OPENID_SCOPES,
    response_types_supported: ['code'],
    response_modes_supported: ['query', 'form_post'],
    grant_types_supported: GRANT_TYPES,
    subject_types_supported: ['public', 'pairwise'],
    id_token_signing_alg_values_supported: signingAlgorithms,
    userinfo_signing_alg_values_supported: signingAlgorithms,
    acr_values_supported: [ACR],
    claim_types_supported: ['normal'],
    claims_supported: ['sub', 'auth_time', 'acr', 'amr', 'sid', ...USER_CLAIMS],
    claims_parameter_supported: true,
    ui_locales_supported: uiLocales,
    request_parameter_supported: true,
    request_object_signing_alg_values_supported: CLIENT_ALGS,
    request_uri_parameter_supported: false,
    require_request_uri_registration: false,
    token_endpoint_auth_methods_supported: AUTH_METHODS,
    token_endpoint_auth_signing_alg_values_supported: CLIENT_ALGS,
    introspection_endpoint_auth_methods_supported: SECRET_METHODS,
    introspection_endpoint_auth_signing_alg_values_supported: CLIENT_ALGS,
    introspection_signing_alg_values_supported: [DEFAULT_ALGORITHM],
    revocation_endpoint_auth_methods_supported: AUTH_METHODS,
    revocation_endpoint_auth_signing_alg_values_supported: CLIENT_ALGS,
    dpop_signing_alg_values_supported: CLIENT_ALGS,
    code_challenge_methods_supported: ['S256'],
    backchannel_logout_supported: true,
    backchannel_logout_session_supported: true,
    authorization_response_iss_parameter_supported: true,
    prompt_values_supported: ['none', 'login', 'consent', 'select_account']
  }
}
