import { boolean, integer, list, oneOf } from '../lib/setting-parsers.ts'
import { optional } from './setting.ts'

/** Clients that come by themselves. */
export const CLIENTS = {
  dynamicRegistration: optional(
    'DYNAMIC_REGISTRATION',
    'Who may register clients at `/oauth/register`: nobody, holders of an initial access token, or (`open`, not in production) everybody; see [docs/clients.md](docs/clients.md)',
    oneOf('off', 'token', 'open'),
    'off'
  ),
  rateLimitClientRegistrationPerHour: optional(
    'RATE_LIMIT_CLIENT_REGISTRATION_PER_HOUR',
    'Clients that register, per client address',
    integer(1, 1_000_000),
    60
  ),
  clientIdMetadataDocuments: optional(
    'CLIENT_ID_METADATA_DOCUMENTS',
    'Let in clients whose `client_id` is the URL of a document that describes them (MCP)',
    boolean,
    false
  ),
  clientIdMetadataScopes: optional(
    'CLIENT_ID_METADATA_SCOPES',
    'What such a client may ask for at most',
    list,
    ['openid', 'profile', 'email', 'offline_access'],
    'openid profile email offline_access'
  ),
  clientIdMetadataAudiences: optional(
    'CLIENT_ID_METADATA_AUDIENCES',
    'Resource servers that such a client may name as `resource`, such as `https://mcp.example.com/mcp`',
    list,
    [],
    'none'
  )
}
