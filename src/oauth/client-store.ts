import { moment } from '../lib/elapsed.ts'
import { shareByKey } from '../lib/share.ts'
import type { Postgres } from '../platform/postgres.ts'
import { FRESH_MS, type ClientMemory } from './client-memory.ts'
import { isClientId, type Client } from './client.ts'

const COLUMNS: Record<Exclude<keyof Client, 'secretHashes'>, string> = {
  id: 'id',
  name: 'name',
  authMethod: 'auth_method',
  redirectUris: 'redirect_uris',
  postLogoutRedirectUris: 'post_logout_redirect_uris',
  backchannelLogoutUri: 'backchannel_logout_uri',
  grantTypes: 'grant_types',
  scopes: 'scopes',
  audiences: 'audiences',
  isFirstParty: 'is_first_party',
  isResourceServer: 'is_resource_server',
  requirePkce: 'require_pkce',
  requirePar: 'require_par',
  requireDpop: 'require_dpop',
  showsRoles: 'shows_roles',
  accessTokenTtlSeconds: 'access_token_ttl_seconds',
  refreshIdleSeconds: 'refresh_idle_seconds',
  refreshAbsoluteSeconds: 'refresh_absolute_seconds',
  accessTokenAlg: 'access_token_alg',
  idTokenAlg: 'id_token_alg',
  isPairwise: 'is_pairwise',
  sectorIdentifier: 'sector_identifier',
  jwks: 'jwks',
  jwksUri: 'jwks_uri',
  metadata: 'metadata'
}

const SELECTED = Object.entries(COLUMNS).map(([field, column]) => `'${field}', c.${column}`)

/**
 * With the secrets that are valid now: one, or two while one replaces the other. In one column: of two dozen the
 * driver reads each one's description every time.
 */
const FIND = {
  name: 'client_find',
  text: `
    SELECT c.xmin::text AS version, json_build_object(${SELECTED.join(', ')}, 'secretHashes',
             ARRAY(SELECT encode(s.secret_hash, 'hex') FROM client_secret s
                    WHERE s.client_id = c.id
                      AND (s.expires_at IS NULL OR s.expires_at > latchkey_now()))) AS client
      FROM client c WHERE c.id = $1 AND c.disabled_at IS NULL`
}

type Row = {
  version: string
  client: Omit<Client, 'secretHashes'> & { secretHashes: string[] }
}

/** Whether the client $id is as it was read, and may be used. */
export function isAsKnown(id: string, version: string): string {
  return `(SELECT xmin = ${version}::xid AND disabled_at IS NULL FROM client WHERE id = ${id})`
}

/** Whether a secret of the client $id holds now; null stands for a client without. */
export function isValidSecret(id: string, hash: string): string {
  return `(${hash}::bytea IS NULL
           OR EXISTS (SELECT FROM client_secret
                       WHERE client_id = ${id} AND secret_hash = ${hash}::bytea
                         AND (expires_at IS NULL OR expires_at > latchkey_now())))`
}

export function createClientStore(postgres: Postgres, memory: ClientMemory) {
  const read = shareByKey(async (id: string): Promise<Client | null> => {
    const askedAt = moment()
    const [row] = await postgres.query<Row>(FIND, [id])
    if (row === undefined) {
      memory.forget(id)
      return null
    }
    const secretHashes = row.client.secretHashes.map((hash) => Buffer.from(hash, 'hex'))
    const client = { ...row.client, secretHashes }
    memory.remember({ client, version: row.version }, askedAt)
    return client
  }, FRESH_MS)

  /**
   * Of callers at once who ask for one client, the first asks Postgres and all are told: under load a client
   * is read some thousand times a second less. Nobody is told what was remembered, nor what was asked for before
   * that: where Postgres is slow, that would be a client as it was long ago.
   * @returns null for a client that is unknown or disabled
   */
  async function find(id: string): Promise<Client | null> {
    if (!isClientId(id)) return null
    return read(id)
  }

  return { find }
}
