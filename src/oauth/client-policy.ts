import { DEFAULT_ALGORITHM } from '../signing/algorithm.ts'
import { parseScope } from './scopes.ts'
import type { ClientBody, ClientChangesBody } from './client-metadata.ts'
import { EXTRA_NAMES, type ClientExtras } from './client-extras.ts'
import { invalidMetadata, requireSoundness } from './client-soundness.ts'
import { isDocumentId, type AuthMethod, type ClientPolicy, type GrantType } from './client.ts'

/** A client as administrators see it. */
export type KeptClient = ClientPolicy & {
  createdAt: Date
  disabledAt: Date | null
  /** By dynamic registration: it manages itself with a token of its own. */
  isRegistered: boolean
}

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
  access_token_signed_response_alg: DEFAULT_ALGORITHM,
  id_token_signed_response_alg: DEFAULT_ALGORITHM,
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
    scopes: parseScope(wire.scope),
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
    accessTokenAlg: wire.access_token_signed_response_alg,
    idTokenAlg: wire.id_token_signed_response_alg,
    isPairwise: wire.subject_type === 'pairwise',
    sectorIdentifier: null,
    jwks: wire.jwks,
    jwksUri: wire.jwks_uri,
    metadata: extrasOf(wire)
  }
  requireSoundness(policy)
  return { ...policy, sectorIdentifier: sectorOf(policy) }
}

/**
 * The host that pairwise subjects are made for (OpenID Connect Core §8.1). What a `sector_identifier_uri`
 * holds is checked by whoever has asked for it.
 */
function sectorOf({ id, redirectUris, isPairwise, metadata }: ClientPolicy): string {
  const { sector_identifier_uri: sectorUri } = metadata
  if (sectorUri !== undefined) return new URL(sectorUri).host
  // A scheme of one's own and localhost are nobody's: clients that return there share nothing.
  if (!redirectUris.every((uri) => uri.startsWith('https:'))) return id
  const hosts = new Set(redirectUris.map((uri) => new URL(uri).host))
  if (isPairwise && hosts.size > 1) {
    throw invalidMetadata('A pairwise client with several hosts needs a sector_identifier_uri.')
  }
  const [host = ''] = hosts
  return host === '' ? id : host
}

/** Those that are there; null is as if they were not. */
function extrasOf(body: ClientChangesBody): ClientExtras {
  const named = EXTRA_NAMES.map((name) => [name, body[name]] as const)
  return Object.fromEntries(named.filter(([, value]) => value !== undefined && value !== null))
}

/** A client on the wire; its secrets are never told again. */
export function toWireClient(client: KeptClient): ClientBody {
  const extras = EXTRA_NAMES.map((name) => [name, client.metadata[name] ?? null])
  return {
    ...(Object.fromEntries(extras) as Required<Pick<ClientBody, keyof ClientExtras>>),
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
    access_token_signed_response_alg: client.accessTokenAlg,
    id_token_signed_response_alg: client.idTokenAlg,
    access_token_ttl_seconds: client.accessTokenTtlSeconds,
    refresh_idle_seconds: client.refreshIdleSeconds,
    refresh_absolute_seconds: client.refreshAbsoluteSeconds,
    registered_by: registrarOf(client),
    disabled: client.disabledAt !== null,
    created_at: client.createdAt.toISOString()
  }
}

function registrarOf({ id, isRegistered }: KeptClient): ClientBody['registered_by'] {
  if (isDocumentId(id)) return 'document'
  return isRegistered ? 'registration' : 'operator'
}
