import { OAuthError } from '../errors.ts'
import type { AccessTokenClaims } from '../tokens/access-token.ts'
import type { Client } from './client.ts'

/** A form's parameter that may be repeated (RFC 8707 §2). */
export function listOf(value: string | string[] | undefined): string[] {
  return value === undefined ? [] : [...new Set([value].flat())]
}

/** A token is for its audience, and for whoever the operator trusts with all of them (SECURITY O12). */
export function isMeantFor({ id, isResourceServer }: Client, { aud }: AccessTokenClaims): boolean {
  return isResourceServer || [aud].flat().includes(id)
}

/**
 * The resource servers that a grant is for: those asked for, or all that the client may reach.
 * @throws {OAuthError} `invalid_target` (RFC 8707 §2)
 */
export function grantAudience(client: Client, resources: string[]): string[] {
  if (!resources.every((resource) => client.audiences.includes(resource))) {
    throw new OAuthError('invalid_target', 'The client may not ask for this resource.')
  }
  return resources.length > 0 ? resources : client.audiences
}

/**
 * A grant's audience, as far as its client may still reach it (SECURITY T6). Where none is left the grant is
 * for nobody: it must not become one for this server, which is what a grant without audiences is for.
 * @throws {OAuthError} `invalid_target`
 */
export function heldAudience(
  { audience }: { audience: string[] },
  { audiences }: Client
): string[] {
  const held = audience.filter((resource) => audiences.includes(resource))
  if (held.length > 0 || audience.length === 0) return held
  throw new OAuthError('invalid_target', 'The client may not reach what the grant is for any more.')
}

/** @throws {OAuthError} `invalid_target` for what the grant is not for */
export function requireHeld(held: string[], resources: string[]): void {
  if (resources.every((resource) => held.includes(resource))) return
  throw new OAuthError('invalid_target', 'The grant is not for this resource.')
}

/**
 * The audience of one access token: what is asked for of the grant's, and the issuer where there is
 * nothing else, or where userinfo has to take it (OpenID Connect Core §5.3).
 * @throws {OAuthError} `invalid_target`
 */
export function narrowAudience(
  held: string[],
  resources: string[],
  { issuer, scope }: { issuer: string; scope: string }
): string[] {
  requireHeld(held, resources)
  const audience = resources.length > 0 ? resources : held
  const isForUserinfo = scope.split(' ').includes('openid')
  return audience.length === 0 || isForUserinfo ? [...audience, issuer] : audience
}
