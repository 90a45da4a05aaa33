import type { Outbound } from '../platform/outbound.ts'
import type { ClientPolicy } from './client.ts'
import { invalidMetadata } from './client-soundness.ts'

export type RequireSector = ReturnType<typeof createSectorRule>

/** Who may share pairwise subjects: the hosts whose operator says so in one file (OpenID Connect Core §8.1, Registration §5). */
export function createSectorRule(outbound: Outbound) {
  /** @throws {OAuthError} `invalid_client_metadata` when the file cannot be had or lacks a redirect URI */
  return async function requireSector({
    metadata,
    redirectUris
  }: Pick<ClientPolicy, 'metadata' | 'redirectUris'>): Promise<void> {
    const { sector_identifier_uri: url } = metadata
    if (url === undefined) return
    const listed = await fetchList(url)
    if (listed === null) {
      throw invalidMetadata('sector_identifier_uri does not answer with a JSON array of URIs.')
    }
    if (!redirectUris.every((uri) => listed.includes(uri))) {
      throw invalidMetadata('sector_identifier_uri must list every one of the redirect_uris.')
    }
  }

  async function fetchList(url: string): Promise<unknown[] | null> {
    try {
      const { status, body } = await outbound({ url, headers: { accept: 'application/json' } })
      const list: unknown = status === 200 ? JSON.parse(body.toString()) : null
      return Array.isArray(list) ? list : null
    } catch {
      // Not to be had, or no JSON: it vouches for nobody.
      return null
    }
  }
}
