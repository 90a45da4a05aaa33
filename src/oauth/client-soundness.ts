import { OAuthError } from '../errors.ts'
import { LINK_NAMES } from './client-extras.ts'
import { TOKEN_EXCHANGE, type ClientPolicy } from './client.ts'
import { isPublicKey } from './public-jwk.ts'

/**
 * What no client may be, whoever registers it.
 * @throws {OAuthError} `invalid_redirect_uri`, `invalid_client_metadata`
 */
export function requireSoundness(policy: ClientPolicy): void {
  const { redirectUris, postLogoutRedirectUris, grantTypes, authMethod } = policy
  for (const uri of [...redirectUris, ...postLogoutRedirectUris]) requireRedirect(uri)
  if (grantTypes.includes('authorization_code') && redirectUris.length === 0) {
    throw new OAuthError('invalid_redirect_uri', 'A client that uses codes needs redirect_uris.')
  }
  if (authMethod === 'none' && grantTypes.includes('client_credentials')) {
    throw invalidMetadata('A client without a secret cannot use client_credentials.')
  }
  if (authMethod === 'none' && grantTypes.includes(TOKEN_EXCHANGE)) {
    throw invalidMetadata('A client without a secret cannot exchange tokens.')
  }
  requireKeys(policy)
  requireUrls(policy)
}

/** https, http on this machine, or a native app's own scheme (RFC 8252 §7); no fragment (RFC 6749 §3.1.2). */
function requireRedirect(uri: string): void {
  const url = URL.parse(uri)
  const isWeb = url?.protocol === 'https:'
  const isLoopback =
    url?.protocol === 'http:' && /^(localhost|127\.0\.0\.1|\[::1\])$/.test(url.hostname)
  const isPlain = !/[#*\s\\]/.test(uri) && url?.username === '' && url.password === ''
  if (isPlain && (isWeb || isLoopback || isPrivateUse(uri))) return
  throw new OAuthError(
    'invalid_redirect_uri',
    'A redirect URI is https, http on localhost, or com.example.app:/path; without fragment, wildcard or user.'
  )
}

/** A scheme that only an app on the person's device can answer: never a web application's (RFC 8252 §7.1). */
export function isPrivateUse(uri: string): boolean {
  // A reverse domain name: no page can be `javascript:` or `data:` that way.
  return /^[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+:$/.test(URL.parse(uri)?.protocol ?? '')
}

function requireKeys({ authMethod, jwks, jwksUri }: ClientPolicy): void {
  if (jwks !== null && jwksUri !== null) throw invalidMetadata('Give jwks or jwks_uri, not both.')
  if (authMethod === 'private_key_jwt' && jwks === null && jwksUri === null) {
    throw invalidMetadata('private_key_jwt needs jwks or jwks_uri.')
  }
  if (!(jwks?.keys ?? []).every(isPublicKey)) {
    throw invalidMetadata(
      'jwks must hold public keys only, RSA of 2048 bits or more, EC P-256, or Ed25519.'
    )
  }
}

function requireUrls({ jwksUri, backchannelLogoutUri, metadata }: ClientPolicy): void {
  const asked = { jwks_uri: jwksUri, backchannel_logout_uri: backchannelLogoutUri }
  for (const [name, uri] of Object.entries(asked)) {
    if (uri !== null && (URL.parse(uri) === null || uri.includes('#'))) {
      throw invalidMetadata(`${name} must be a URL without a fragment.`)
    }
  }
  const { sector_identifier_uri: sectorUri } = metadata
  if (sectorUri !== undefined && URL.parse(sectorUri)?.protocol !== 'https:') {
    throw invalidMetadata('sector_identifier_uri must be an https URL.')
  }
  // People may be shown these as links: nothing but the web.
  for (const name of LINK_NAMES) {
    const uri = metadata[name]
    if (uri !== undefined && !/^https?:$/.test(URL.parse(uri)?.protocol ?? '')) {
      throw invalidMetadata(`${name} must be an http or https URL.`)
    }
  }
}

export function invalidMetadata(description: string): OAuthError {
  return new OAuthError('invalid_client_metadata', description)
}
