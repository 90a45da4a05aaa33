import { OAuthError } from '../../errors.ts'
import { claimsWithin, parseClaimsRequest, scopesBehind, type ClaimsRequest } from '../claims.ts'
import { isPublic, type Client } from '../client.ts'
import { ACR } from '../id-token.ts'
import { CHALLENGE } from '../pkce.ts'
import { grantAudience, listOf } from '../resources.ts'
import { grantScopes, parseScope } from '../scopes.ts'
import type { AuthorizationParameters as Parameters } from './parameters.ts'

const PROMPTS = ['none', 'login', 'consent', 'select_account'] as const
export type Prompt = (typeof PROMPTS)[number]

/** An authorization request that may be answered, once its person has logged in and agreed. */
export type AuthorizationRequest = {
  scopes: string[]
  /** What the person has to agree to: the scopes, and those behind the claims that are asked for. */
  consentScopes: string[]
  audience: string[]
  nonce: string | null
  /** S256; null only for a client that may do without. */
  codeChallenge: string | null
  prompt: Prompt[]
  maxAgeSeconds: number | null
  claims: ClaimsRequest | null
  /** The key that the code is bound to (RFC 9449 §10). */
  dpopJkt: string | null
}

/**
 * The checks of an authorization request whose client and redirect URI are known to be right.
 * @throws {OAuthError} what the client is told by the redirect
 */
export function readRequest(parameters: Parameters, client: Client): AuthorizationRequest {
  requireGrant(client)
  requireCode(parameters)
  refuseUnsupported(parameters)
  const scopes = grantScopes(client, parseScope(parameters.scope), true)
  const claims = readClaims(parameters, client)
  return {
    scopes,
    consentScopes: [...new Set([...scopes, ...scopesBehind(claims)])],
    audience: grantAudience(client, listOf(parameters.resource)),
    nonce: parameters.nonce ?? null,
    codeChallenge: readChallenge(parameters, client),
    prompt: readPrompt(parameters),
    maxAgeSeconds: readMaxAge(parameters, client),
    claims,
    dpopJkt: readDpopKey(parameters)
  }
}

function requireGrant({ grantTypes }: Client): void {
  if (grantTypes.includes('authorization_code')) return
  throw new OAuthError('unauthorized_client', 'The client may not use authorization codes.')
}

/** No token travels in a URL (RFC 9700 §2.1.2). */
function requireCode({ response_type: type }: Parameters): void {
  if (type === undefined) throw new OAuthError('invalid_request', 'response_type is required.')
  if (type !== 'code') {
    throw new OAuthError('unsupported_response_type', 'response_type must be code.')
  }
}

/** OpenID Connect Core §7.2.1, §6. */
function refuseUnsupported({ registration, response_mode: mode }: Parameters): void {
  if (registration !== undefined) {
    throw new OAuthError('registration_not_supported', 'Register the client beforehand.')
  }
  if (mode !== undefined && mode !== 'query' && mode !== 'form_post') {
    throw new OAuthError('invalid_request', 'response_mode must be query or form_post.')
  }
}

/** RFC 7636 §4.3; `plain` is what an absent method would mean, and it protects nothing. */
function readChallenge(
  { code_challenge: challenge, code_challenge_method: method }: Parameters,
  client: Client
): string | null {
  if (challenge === undefined) {
    if (isPublic(client) || client.requirePkce || method !== undefined) {
      throw new OAuthError('invalid_request', 'code_challenge is required (PKCE, S256).')
    }
    return null
  }
  if (method !== 'S256' || !CHALLENGE.test(challenge)) {
    throw new OAuthError(
      'invalid_request',
      'code_challenge_method must be S256, and code_challenge 43 characters of base64url.'
    )
  }
  return challenge
}

/** OpenID Connect Core §3.1.2.1. */
function readPrompt({ prompt }: Parameters): Prompt[] {
  const asked = [...new Set((prompt ?? '').split(' ').filter((value) => value !== ''))]
  const known = PROMPTS.filter((value) => asked.includes(value))
  if (known.length !== asked.length) {
    throw new OAuthError('invalid_request', `prompt must be of ${PROMPTS.join(', ')}.`)
  }
  if (known.includes('none') && known.length > 1) {
    throw new OAuthError('invalid_request', 'prompt=none goes with no other prompt.')
  }
  return known
}

/** OpenID Connect Core §3.1.2.1; Registration §2: what is asked for counts more than what was registered. */
function readMaxAge({ max_age: text }: Parameters, { metadata }: Client): number | null {
  if (text === undefined) return metadata.default_max_age ?? null
  if (!/^\d{1,9}$/.test(text)) {
    throw new OAuthError('invalid_request', 'max_age must be a whole number of seconds.')
  }
  return Number(text)
}

function readClaims({ claims: text }: Parameters, client: Client): ClaimsRequest | null {
  if (text === undefined) return null
  const claims = parseClaimsRequest(text)
  if (claims === null)
    throw new OAuthError('invalid_request', 'claims must be a JSON object that asks for claims.')
  requireReachableAcr(claims)
  return claimsWithin(claims, client.scopes)
}

/** Essential and not to be had: the authentication has failed (OpenID Connect Core §5.5.1.1). */
function requireReachableAcr({ id_token: asked }: ClaimsRequest): void {
  const { essential, value, values } = asked?.['acr'] ?? {}
  if (essential !== true) return
  const wanted = values ?? (value === undefined ? [] : [value])
  if (wanted.length === 0 || wanted.includes(ACR)) return
  throw new OAuthError('access_denied', 'The authentication that is essential cannot be done here.')
}

function readDpopKey({ dpop_jkt: jkt }: Parameters): string | null {
  if (jkt === undefined) return null
  if (!CHALLENGE.test(jkt)) {
    throw new OAuthError('invalid_request', 'dpop_jkt must be a SHA-256 thumbprint.')
  }
  return jkt
}
