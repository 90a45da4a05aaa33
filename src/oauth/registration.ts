import { Type, type Static } from 'typebox'
import type { RequestOrigin } from '../audit/events.ts'
import { OAuthError } from '../errors.ts'
import { randomToken, sha256 } from '../lib/secrets.ts'
import type { RevocationFeed } from '../tokens/revocation-feed.ts'
import type { ClientAdminStore } from './client-admin-store.ts'
import { toPolicy, type KeptClient } from './client-policy.ts'
import { invalidMetadata } from './client-soundness.ts'
import {
  AUTH_METHODS,
  hasSecret,
  isClientId,
  type AuthMethod,
  type ClientPolicy,
  type GrantType
} from './client.ts'
import { hashOf, newClientId, newSecret } from './clients.ts'
import { DescribedClient, readDescription, scopeWithin } from './described-client.ts'
import type { InitialAccessTokens } from './initial-access-tokens.ts'
import {
  DEFAULT_REGISTRATION_POLICY,
  OPEN_REGISTRATION_POLICY,
  type RegistrationPolicy
} from './registration-policy.ts'
import type { RegisteredClient, RegistrationStore } from './registration-store.ts'
import { choosesRing, type RequireRings } from './ring-rule.ts'
import type { RequireSector } from './sector.ts'

/** What is sent to register, and to change a registration; the last two only count there (RFC 7592 §2.2). */
export const RegistrationBody = Type.Object({
  ...DescribedClient.properties,
  client_id: Type.Optional(Type.String({ maxLength: 2_048 })),
  client_secret: Type.Optional(Type.String({ maxLength: 512 }))
})
export type RegistrationBody = Static<typeof RegistrationBody>

/** A client, the token by which it manages itself, and a secret if one is new. */
export type RegistrationOutcome = { client: KeptClient; token: string; secret: string | null }

export type Registration = ReturnType<typeof createRegistration>

export type RegistrationDeps = {
  /** Whether a client may register without a token. */
  isOpen: boolean
  initialAccessTokens: Pick<InitialAccessTokens, 'findLive'>
  registrations: RegistrationStore
  clients: ClientAdminStore
  requireSector: RequireSector
  requireRings: RequireRings
  revocationFeed: Pick<RevocationFeed, 'announce'>
}

/**
 * Dynamic client registration (RFC 7591) and its management (RFC 7592). The registration access token stays
 * the same: a client whose answer got lost after a change would otherwise be locked out for good.
 */
export function createRegistration(deps: RegistrationDeps) {
  const { isOpen, initialAccessTokens, registrations, clients, requireSector, requireRings } = deps
  /** One that came without a token stays bounded after the door was closed. */
  const uninvited = isOpen ? OPEN_REGISTRATION_POLICY : DEFAULT_REGISTRATION_POLICY

  /** @throws {OAuthError} `invalid_token`, `invalid_redirect_uri`, `invalid_client_metadata` */
  async function register(
    body: RegistrationBody,
    shown: string | null,
    origin: RequestOrigin
  ): Promise<RegistrationOutcome> {
    const { id: initialAccessTokenId, policy } = await admit(shown)
    const wanted = policyOf(newClientId(), body, policy)
    requireRings(wanted)
    await requireSector(wanted)
    // Names for secret scanners, and 256 bits.
    const token = `lkr_${randomToken()}`
    const secret = hasSecret(wanted.authMethod) ? newSecret() : null
    const client = await clients.create(
      wanted,
      secret === null ? null : hashOf(secret),
      { origin, by: { registration: initialAccessTokenId ?? 'open' } },
      { tokenHash: hashOf(token), initialAccessTokenId }
    )
    if (client === null) throw new Error('Two clients were given one random id.')
    return { client, token, secret }
  }

  async function admit(
    shown: string | null
  ): Promise<{ id: string | null; policy: RegistrationPolicy }> {
    if (shown === null && isOpen) return { id: null, policy: OPEN_REGISTRATION_POLICY }
    const entry = shown === null ? null : await initialAccessTokens.findLive(shown)
    if (entry !== null) return entry
    throw new OAuthError('invalid_token', 'An initial access token is needed to register.')
  }

  /** RFC 7592 §2.1. */
  async function read(id: string, token: string | null): Promise<RegistrationOutcome> {
    const { client } = await find(id, token)
    return { client, token: token ?? '', secret: null }
  }

  /**
   * RFC 7592 §2.2: what is left out goes back to its default. A change may only narrow: what the client has
   * lost since, an operator may have taken.
   */
  async function replace(
    id: string,
    token: string | null,
    body: RegistrationBody,
    origin: RequestOrigin
  ): Promise<RegistrationOutcome> {
    const { client: before, policy, secretHashes } = await find(id, token)
    requireSame(id, body, secretHashes)
    if (before.isFirstParty || before.isResourceServer || before.showsRoles) {
      throw invalidMetadata('An operator has taken this client over; ask them for changes.')
    }
    const bounds = boundsNow(policy ?? uninvited, before)
    const described = policyOf(id, body, bounds)
    const requirePar = before.requirePar || described.requirePar
    const requireDpop = before.requireDpop || described.requireDpop
    const { accessTokenAlg } = before
    const wanted = { ...described, requirePar, requireDpop, accessTokenAlg }
    if (choosesRing(described, before)) requireRings(described)
    await requireSector(wanted)
    const isNew = hasSecret(wanted.authMethod) && !hasSecret(before.authMethod)
    const secret = isNew ? newSecret() : null
    const act = { origin, by: { registration: 'self' } }
    const { accessTokenTtlSeconds, refreshIdleSeconds, refreshAbsoluteSeconds } = before
    const lives = { accessTokenTtlSeconds, refreshIdleSeconds, refreshAbsoluteSeconds }
    const secretHash = secret === null ? null : hashOf(secret)
    const client = await clients.replace({ ...wanted, ...lives }, act, secretHash)
    if (client === null) throw invalidToken()
    return { client, token: token ?? '', secret }
  }

  /** RFC 7592 §2.3. */
  async function remove(id: string, token: string | null, origin: RequestOrigin): Promise<void> {
    await find(id, token)
    const ended = await clients.remove(id, { origin, by: { registration: 'self' } })
    deps.revocationFeed.announce(ended ?? [])
  }

  async function find(id: string, token: string | null): Promise<RegisteredClient> {
    const isPossible = token !== null && isClientId(id)
    const found = isPossible ? await registrations.find(id, hashOf(token)) : null
    if (found === null) throw invalidToken()
    return found
  }

  return { register, read, replace, remove }
}

/** RFC 7592 §2.2: nobody chooses an id or a secret. */
function requireSame(id: string, body: RegistrationBody, secretHashes: Uint8Array[]): void {
  const { client_id: shownId, client_secret: secret } = body
  if (shownId !== id) throw invalidMetadata('client_id must be that of the client.')
  const isOwn = (hash: Uint8Array) => sha256(secret ?? '').equals(hash)
  if (secret !== undefined && !secretHashes.some(isOwn)) {
    throw invalidMetadata('client_secret is not the current one; leave it out.')
  }
}

/** What a client may make of itself: what it was registered for, as far as it still has it. */
function boundsNow(
  policy: RegistrationPolicy,
  { scopes, grantTypes, audiences, requirePkce }: KeptClient
): RegistrationPolicy {
  return {
    require_pkce: policy.require_pkce || requirePkce,
    scope: policy.scope
      .split(' ')
      .filter((scope) => scopes.includes(scope))
      .join(' '),
    grant_types: policy.grant_types.filter((grant) => grantTypes.includes(grant)),
    audiences: policy.audiences.filter((audience) => audiences.includes(audience))
  }
}

/** The client that a description makes, within the policy. */
function policyOf(id: string, body: RegistrationBody, bounds: RegistrationPolicy): ClientPolicy {
  const { grant_types: grants = ['authorization_code'], response_types: types = ['code'] } = body
  const allowed: string[] = bounds.grant_types
  if (grants.length === 0 || !grants.every((grant) => allowed.includes(grant))) {
    throw invalidMetadata(`grant_types must be of: ${allowed.join(', ')}`)
  }
  if (!types.every((type) => type === 'code')) {
    throw invalidMetadata('response_types must be ["code"].')
  }
  const { token_endpoint_auth_method: method = 'client_secret_basic' } = body
  if (!AUTH_METHODS.includes(method as AuthMethod)) {
    throw invalidMetadata(`token_endpoint_auth_method must be one of: ${AUTH_METHODS.join(', ')}`)
  }
  return toPolicy(id, {
    ...readDescription(body),
    grant_types: grants as GrantType[],
    token_endpoint_auth_method: method as AuthMethod,
    scope: scopeWithin(bounds.scope, body.scope),
    audiences: bounds.audiences,
    require_pkce: bounds.require_pkce
  })
}

function invalidToken(): OAuthError {
  return new OAuthError('invalid_token', 'The registration access token does not hold.')
}
