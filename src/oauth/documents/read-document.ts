import { OAuthError } from '../../errors.ts'
import { toPolicy } from '../client-policy.ts'
import type { AuthMethod, Client, GrantType } from '../client.ts'
import { DescribedClient, readDescription, scopeWithin } from '../described-client.ts'

/** What any such client may have at most. */
export type DocumentBounds = { scopes: string[]; audiences: string[] }

/** A person is always there, and a secret never is. */
const GRANTS: GrantType[] = ['authorization_code', 'refresh_token']
const METHODS: AuthMethod[] = ['none', 'private_key_jwt']

/**
 * The client that a document describes. It is for many servers: grants that this one does not give to it
 * are passed over.
 * @throws {OAuthError} `invalid_client_metadata`, `invalid_redirect_uri`; told on a page and to developers
 */
export async function readDocument(
  url: string,
  text: string,
  bounds: DocumentBounds
): Promise<Client> {
  const document = parse(text)
  if (document['client_id'] !== url) throw refused('its client_id is not its own URL')
  if ('client_secret' in document || 'client_secret_expires_at' in document) {
    throw refused('a secret that everybody can read is none')
  }
  // With the first document: it is 350 modules.
  const { Value } = await import('typebox/value')
  const [violation] = Value.Errors(DescribedClient, document)
  if (violation !== undefined) {
    throw refused(`${violation.instancePath.split('/')[1] ?? 'it'} is malformed`)
  }
  const described = document as DescribedClient
  const { token_endpoint_auth_method: shownMethod = 'none' } = described
  const method = METHODS.find((known) => known === shownMethod)
  if (method === undefined) {
    throw refused(`token_endpoint_auth_method must be one of ${METHODS.join(', ')}`)
  }
  const { grant_types: grants = ['authorization_code'], response_types: types = ['code'] } =
    described
  if (!grants.includes('authorization_code') || !types.includes('code')) {
    throw refused('it does not use authorization codes')
  }
  const policy = toPolicy(url, {
    ...readDescription(described),
    // Nobody is told about logouts, and no sector is fetched: one document, one fetch.
    backchannel_logout_uri: null,
    sector_identifier_uri: null,
    grant_types: GRANTS.filter((grant) => grants.includes(grant)),
    token_endpoint_auth_method: method,
    scope: scopeWithin(bounds.scopes.join(' '), described.scope),
    audiences: bounds.audiences,
    require_pkce: true
  })
  return { ...policy, secretHashes: [] }
}

/** Members that are null are as if they were not there. */
function parse(text: string): Record<string, unknown> {
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch {
    throw refused('it is not JSON')
  }
  if (typeof document !== 'object' || document === null || Array.isArray(document)) {
    throw refused('it is not a JSON object')
  }
  return Object.fromEntries(Object.entries(document).filter(([, value]) => value !== null))
}

export function refused(why: string): OAuthError {
  return new OAuthError(
    'invalid_client_metadata',
    `The application's metadata document, at its client_id, will not do: ${why}.`
  )
}
