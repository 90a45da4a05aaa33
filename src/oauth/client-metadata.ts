import { createPublicKey } from 'node:crypto'
import { Type, type Static } from 'typebox'
import { OAuthError } from '../errors.ts'
import { Line } from '../http/schemas.ts'
import { PublicJwk } from './public-jwk.ts'
import {
  AUTH_METHODS,
  GRANT_TYPES,
  type AuthMethod,
  type Client,
  type GrantType
} from './client.ts'

const Uri = Type.String({ minLength: 8, maxLength: 2_048 })
const Uris = Type.Array(Uri, { maxItems: 20 })
const Token = Type.String({ pattern: '^[\\x21\\x23-\\x5b\\x5d-\\x7e]{1,128}$' })

/** What a client may say of itself (RFC 7591 §2, with the names of the RFCs that added to it). */
export const CLIENT_METADATA = {
  client_name: Line(128),
  token_endpoint_auth_method: Type.Enum([...AUTH_METHODS]),
  grant_types: Type.Array(Type.Enum([...GRANT_TYPES]), {
    minItems: 1,
    maxItems: GRANT_TYPES.length
  }),
  redirect_uris: Uris,
  post_logout_redirect_uris: Uris,
  backchannel_logout_uri: Type.Union([Uri, Type.Null()]),
  scope: Type.String({ maxLength: 2_048, description: 'What it may ask for, separated by blanks' }),
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
  require_pushed_authorization_requests: Type.Boolean(),
  dpop_bound_access_tokens: Type.Boolean()
}

/** What only an operator says of a client. */
const POLICY = {
  audiences: Type.Array(Type.String({ minLength: 1, maxLength: 512 }), {
    maxItems: 50,
    description: 'What `resource` may name (RFC 8707)'
  }),
  first_party: Type.Boolean({ description: 'Our own: nobody is asked for consent' }),
  resource_server: Type.Boolean({ description: 'May introspect the tokens of every audience' }),
  require_pkce: Type.Boolean({ description: 'Public clients always need it' }),
  shows_roles: Type.Boolean({ description: "Whether its tokens say the person's roles" }),
  access_token_ttl_seconds: Type.Union([Type.Integer({ minimum: 300, maximum: 900 }), Type.Null()]),
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
    client_id: Type.Optional(Token),
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
  disabled: Type.Boolean(),
  created_at: Type.String({ format: 'date-time' })
})
export type ClientBody = Static<typeof ClientBody>

/** What a client is, apart from its secrets. */
export type ClientPolicy = Omit<Client, 'secretHashes' | 'metadata'>

/** A confidential web application that logs people in. */
const DEFAULTS = {
  token_endpoint_auth_method: 'client_secret_basic' as AuthMethod,
  grant_types: ['authorization_code', 'refresh_token'] as GrantType[],
  redirect_uris: [] as string[],
  post_logout_redirect_uris: [] as string[],
  backchannel_logout_uri: null,
  scope: 'openid profile email offline_access',
  jwks: null,
  jwks_uri: null,
  subject_type: 'public' as 'public' | 'pairwise',
  require_pushed_authorization_requests: false,
  dpop_bound_access_tokens: false,
  audiences: [] as string[],
  first_party: false,
  resource_server: false,
  require_pkce: true,
  shows_roles: false,
  access_token_ttl_seconds: null,
  refresh_idle_seconds: null,
  refresh_absolute_seconds: null
}

/**
 * The policy that a body stands for.
 * @throws {OAuthError} `invalid_redirect_uri`, `invalid_client_metadata`: what no client may be
 */
export function toPolicy(
  id: string,
  body: ClientChangesBody & { client_name: string }
): ClientPolicy {
  const wire = { ...DEFAULTS, ...body }
  const policy: ClientPolicy = {
    id,
    name: wire.client_name,
    authMethod: wire.token_endpoint_auth_method,
    redirectUris: wire.redirect_uris,
    postLogoutRedirectUris: wire.post_logout_redirect_uris,
    backchannelLogoutUri: wire.backchannel_logout_uri,
    grantTypes: [...new Set(wire.grant_types)],
    scopes: [...new Set(wire.scope.split(' ').filter((scope) => scope !== ''))],
    audiences: wire.audiences,
    isFirstParty: wire.first_party,
    isResourceServer: wire.resource_server,
    requirePkce: wire.require_pkce,
    requirePar: wire.require_pushed_authorization_requests,
    requireDpop: wire.dpop_bound_access_tokens,
    showsRoles: wire.shows_roles,
    accessTokenTtlSeconds: wire.access_token_ttl_seconds,
    refreshIdleSeconds: wire.refresh_idle_seconds,
    refreshAbsoluteSeconds: wire.refresh_absolute_seconds,
    isPairwise: wire.subject_type === 'pairwise',
    sectorIdentifier: null,
    jwks: wire.jwks,
    jwksUri: wire.jwks_uri
  }
  requireSoundness(policy)
  const isAlone = new Set(policy.redirectUris.map((uri) => new URL(uri).host)).size <= 1
  if (policy.isPairwise && !isAlone) {
    throw invalid('A pairwise client with several hosts needs a sector_identifier_uri.')
  }
  const [first] = policy.redirectUris
  return { ...policy, sectorIdentifier: first === undefined ? id : new URL(first).host }
}

function requireSoundness(policy: ClientPolicy): void {
  const { redirectUris, postLogoutRedirectUris, grantTypes, authMethod, jwks, jwksUri } = policy
  for (const uri of [...redirectUris, ...postLogoutRedirectUris]) requireRedirect(uri)
  if (grantTypes.includes('authorization_code') && redirectUris.length === 0) {
    throw new OAuthError('invalid_redirect_uri', 'A client that uses codes needs redirect_uris.')
  }
  if (authMethod === 'none' && grantTypes.includes('client_credentials')) {
    throw invalid('A client without a secret cannot use client_credentials.')
  }
  if (jwks !== null && jwksUri !== null) throw invalid('Give jwks or jwks_uri, not both.')
  if (authMethod === 'private_key_jwt' && jwks === null && jwksUri === null) {
    throw invalid('private_key_jwt needs jwks or jwks_uri.')
  }
  if (!(jwks?.keys ?? []).every(isPublicKey)) {
    throw invalid(
      'jwks must hold public keys only, RSA of 2048 bits or more, EC P-256, or Ed25519.'
    )
  }
  for (const uri of [jwksUri, policy.backchannelLogoutUri]) {
    if (uri !== null && (URL.parse(uri) === null || uri.includes('#'))) {
      throw invalid('jwks_uri and backchannel_logout_uri must be URLs without a fragment.')
    }
  }
}

/** https, http on this machine, or a native app's own scheme (RFC 8252 §7); no fragment (RFC 6749 §3.1.2). */
function requireRedirect(uri: string): void {
  const url = URL.parse(uri)
  const isWeb = url?.protocol === 'https:'
  const isLoopback =
    url?.protocol === 'http:' && /^(localhost|127\.0\.0\.1|\[::1\])$/.test(url.hostname)
  // A reverse domain name: no page can be `javascript:` or `data:` that way.
  const isPrivateUse = url !== null && /^[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+:$/.test(url.protocol)
  const isPlain = !/[#*\s\\]/.test(uri) && url?.username === '' && url.password === ''
  if (isPlain && (isWeb || isLoopback || isPrivateUse)) return
  throw new OAuthError(
    'invalid_redirect_uri',
    'A redirect URI is https, http on localhost, or com.example.app:/path; without fragment, wildcard or user.'
  )
}

function isPublicKey(jwk: Record<string, unknown>): boolean {
  const isPrivate = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k', 'oth'].some((field) => field in jwk)
  if (isPrivate) return false
  try {
    const { asymmetricKeyType: type, asymmetricKeyDetails: details } = createPublicKey({
      key: jwk,
      format: 'jwk'
    })
    if (type === 'rsa') return (details?.modulusLength ?? 0) >= 2_048
    return type === 'ed25519' || (type === 'ec' && details?.namedCurve === 'prime256v1')
  } catch {
    return false
  }
}

function invalid(description: string): OAuthError {
  return new OAuthError('invalid_client_metadata', description)
}

/** A client on the wire; its secrets are never told again. */
export function toWireClient(
  client: ClientPolicy & { createdAt: Date; disabledAt: Date | null }
): ClientBody {
  return {
    client_id: client.id,
    client_name: client.name,
    token_endpoint_auth_method: client.authMethod,
    grant_types: client.grantTypes,
    redirect_uris: client.redirectUris,
    post_logout_redirect_uris: client.postLogoutRedirectUris,
    backchannel_logout_uri: client.backchannelLogoutUri,
    scope: client.scopes.join(' '),
    jwks: client.jwks,
    jwks_uri: client.jwksUri,
    subject_type: client.isPairwise ? 'pairwise' : 'public',
    require_pushed_authorization_requests: client.requirePar,
    dpop_bound_access_tokens: client.requireDpop,
    audiences: client.audiences,
    first_party: client.isFirstParty,
    resource_server: client.isResourceServer,
    require_pkce: client.requirePkce,
    shows_roles: client.showsRoles,
    access_token_ttl_seconds: client.accessTokenTtlSeconds,
    refresh_idle_seconds: client.refreshIdleSeconds,
    refresh_absolute_seconds: client.refreshAbsoluteSeconds,
    disabled: client.disabledAt !== null,
    created_at: client.createdAt.toISOString()
  }
}
