import { OAuthError } from '../errors.ts'
import { OPENID_SCOPES, type Client } from './client.ts'

/** Scope tokens of visible ASCII, without quotes and backslashes, and blanks between them (RFC 6749 appendix A.4). */
export const SCOPE = '^[\\x20\\x21\\x23-\\x5b\\x5d-\\x7e]*$'

/** The tokens of a `scope` parameter, each once (RFC 6749 §3.3). */
export function parseScope(scope: string | undefined): string[] {
  return [...new Set((scope ?? '').split(' ').filter((token) => token !== ''))]
}

/**
 * What a client gets of what it asks for. What it may not have is left out (OpenID Connect Core §3.1.2.1
 * ignores the unknown), unless nothing is left; asking for nothing means all that is not OpenID's.
 * @throws {OAuthError} `invalid_scope`
 */
export function grantScopes(client: Client, asked: string[], isWithPerson: boolean): string[] {
  const allowed = client.scopes.filter((scope) => isWithPerson || !isPersonal(scope))
  const wanted = asked.length > 0 ? asked : allowed.filter((scope) => !isPersonal(scope))
  const granted = wanted.filter((scope) => allowed.includes(scope) && mayStay(client, scope))
  if (asked.length > 0 && granted.length === 0) {
    throw new OAuthError('invalid_scope', 'The client may have none of these scopes.')
  }
  return granted
}

/** A scope that only means something where there is a person. */
function isPersonal(scope: string): boolean {
  return OPENID_SCOPES.some((known) => known === scope)
}

function mayStay({ grantTypes }: Client, scope: string): boolean {
  return scope !== 'offline_access' || grantTypes.includes('refresh_token')
}

/** What a grant has of what its client may still have: what a client lost, its next tokens lack (SECURITY T6). */
export function heldScope(scope: string, { scopes }: Client): string {
  return parseScope(scope)
    .filter((token) => scopes.includes(token))
    .join(' ')
}

/**
 * The scope of a refreshed or exchanged token: what is asked for, never more than there was (RFC 6749 §6).
 * @throws {OAuthError} `invalid_scope`
 */
export function narrowScope(held: string, asked: string | undefined): string {
  if (asked === undefined) return held
  const wanted = parseScope(asked)
  const has = parseScope(held)
  if (wanted.length === 0 || !wanted.every((scope) => has.includes(scope))) {
    throw new OAuthError('invalid_scope', 'A token cannot gain scopes that its grant lacks.')
  }
  return wanted.join(' ')
}
