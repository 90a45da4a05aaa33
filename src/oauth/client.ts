import type { ClientExtras } from './client-extras.ts'
import type { SigningAlgorithm } from '../signing/algorithm.ts'
import type { PublicJwk } from './public-jwk.ts'

/** How a client proves itself at the token endpoint (RFC 7591 §2). */
export const AUTH_METHODS = [
  'none',
  'client_secret_basic',
  'client_secret_post',
  'private_key_jwt'
] as const
export type AuthMethod = (typeof AUTH_METHODS)[number]

/** RFC 8693 §2.1. */
export const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'

export const GRANT_TYPES = [
  'authorization_code',
  'refresh_token',
  'client_credentials',
  'urn:ietf:params:oauth:grant-type:device_code',
  TOKEN_EXCHANGE
] as const
export type GrantType = (typeof GRANT_TYPES)[number]

/** What OpenID Connect defines; everything else in `scopes` is the installation's own. */
export const OPENID_SCOPES = [
  'openid',
  'profile',
  'email',
  'phone',
  'address',
  'offline_access'
] as const

/** An application as its policy has it. Secrets are only there as hashes. */
export type Client = {
  id: string
  name: string
  authMethod: AuthMethod
  redirectUris: string[]
  postLogoutRedirectUris: string[]
  backchannelLogoutUri: string | null
  grantTypes: GrantType[]
  scopes: string[]
  /** What `resource` may name (RFC 8707). */
  audiences: string[]
  /** Our own: nobody is asked for consent. */
  isFirstParty: boolean
  /** May introspect the tokens of every audience. */
  isResourceServer: boolean
  requirePkce: boolean
  requirePar: boolean
  requireDpop: boolean
  /** Whether its tokens say the person's roles. */
  showsRoles: boolean
  /** Seconds; null means the configured life. */
  accessTokenTtlSeconds: number | null
  refreshIdleSeconds: number | null
  refreshAbsoluteSeconds: number | null
  /** Which ring signs its access tokens, and its ID and logout tokens. */
  accessTokenAlg: SigningAlgorithm
  idTokenAlg: SigningAlgorithm
  isPairwise: boolean
  /** The host that pairwise subjects are made for (OpenID Connect Core §8.1). */
  sectorIdentifier: string | null
  jwks: { keys: PublicJwk[] } | null
  jwksUri: string | null
  /** What was registered and only matters to people and to the registration's own answer. */
  metadata: ClientExtras
  secretHashes: Uint8Array[]
}

/** What a client is, apart from its secrets. */
export type ClientPolicy = Omit<Client, 'secretHashes'>

/** Whether a text can be a client id: visible ASCII (RFC 6749 appendix A.1), so that Postgres can be asked. */
export function isClientId(text: string): boolean {
  return /^[\x21-\x7e]{1,2048}$/.test(text)
}

/** A client that cannot keep a secret: PKCE is not a choice there (RFC 9700 §2.1.1). */
export function isPublic({ authMethod }: Pick<Client, 'authMethod'>): boolean {
  return authMethod === 'none'
}

/** Whether the client proves itself by a secret that was shown to it once. */
export function hasSecret(method: AuthMethod): boolean {
  return method === 'client_secret_basic' || method === 'client_secret_post'
}

/** A client id that is the URL of the document which describes the client; operators' ids never look so. */
export function isDocumentId(id: string): boolean {
  return /^https?:/i.test(id)
}

const LOOPBACK = /^http:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?(\/|\?|$)/

/**
 * Whether `uri` is one of the registered ones, to the letter. The port of a loopback address is the only
 * slack: a native app takes the one that it is given (RFC 8252 §7.3).
 */
export function isRegisteredRedirect(client: Pick<Client, 'redirectUris'>, uri: string): boolean {
  const withoutPort = portless(uri)
  return client.redirectUris.some(
    (registered) =>
      registered === uri || (withoutPort !== null && portless(registered) === withoutPort)
  )
}

function portless(uri: string): string | null {
  if (!LOOPBACK.test(uri) || URL.parse(uri) === null) return null
  return uri.replace(/^(http:\/\/(?:localhost|127\.0\.0\.1|\[::1\])):\d{1,5}/, '$1')
}
