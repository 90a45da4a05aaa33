// node-oidc-provider as its documentation wants it in production: an adapter on Postgres (one row a model,
// prepared statements) or Redis (DATABASE_URL or REDIS_URL says which), keys in memory, static clients,
// refresh tokens that rotate, RS256 access tokens for the resource server, opaque ones for introspection.
import { generateKeyPairSync, randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import { Provider } from 'oidc-provider'
import { createPostgresAdapter } from './postgres-adapter.js'
import { createRedisAdapter } from './redis-adapter.js'

const { PORT, DATABASE_URL, REDIS_URL } = process.env
const RESOURCE = 'https://api.example.com'
const REDIRECT_URI = 'https://shop.example/callback'
const secret = (id) => `${id}-secret-of-at-least-32-characters`

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const client = (client_id) => ({
  client_id,
  client_secret: secret(client_id),
  redirect_uris: [REDIRECT_URI],
  response_types: ['code'],
  grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
  token_endpoint_auth_method: 'client_secret_basic'
})

const provider = new Provider(`http://127.0.0.1:${PORT}`, {
  adapter: DATABASE_URL ? await createPostgresAdapter(DATABASE_URL) : createRedisAdapter(REDIS_URL),
  jwks: {
    keys: [{ ...privateKey.export({ format: 'jwk' }), alg: 'RS256', use: 'sig', kid: 'peer' }]
  },
  cookies: { keys: [randomUUID(), randomUUID()] },
  clients: [client('web'), client('opaque')],
  scopes: ['openid', 'offline_access'],
  findAccount: (_ctx, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
  interactions: { url: (_ctx, { uid }) => `/interaction/${uid}` },
  rotateRefreshToken: () => true,
  issueRefreshToken: (_ctx, { grantTypes }) => grantTypes.includes('refresh_token'),
  pkce: { required: () => true },
  ttl: {
    AccessToken: 600,
    ClientCredentials: 600,
    RefreshToken: 1_209_600,
    Session: 1_209_600,
    Grant: 1_209_600,
    IdToken: 600,
    Interaction: 600
  },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
    revocation: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => RESOURCE,
      useGrantedResource: () => true,
      getResourceServerInfo: (_ctx, _resource, { clientId }) => ({
        scope: 'api',
        accessTokenTTL: 600,
        accessTokenFormat: clientId === 'opaque' ? 'opaque' : 'jwt',
        jwt: { sign: { alg: 'RS256' } }
      })
    }
  },
  // Nobody is asked to agree, as with a first-party client of ours.
  async loadExistingGrant(ctx) {
    const { client: asking, session } = ctx.oidc
    const known = session.grantIdFor(asking.clientId)
    if (known) return ctx.oidc.provider.Grant.find(known)
    const { accountId } = session
    const grant = new ctx.oidc.provider.Grant({ clientId: asking.clientId, accountId })
    grant.addOIDCScope('openid offline_access')
    grant.addResourceScope(RESOURCE, 'api')
    await grant.save()
    return grant
  }
})

const handle = provider.callback()
createServer((request, response) => {
  if (!request.url.startsWith('/interaction/')) {
    handle(request, response)
    return
  }
  const login = { accountId: randomUUID() }
  provider.interactionFinished(request, response, { login }).catch((error) => {
    response.writeHead(500).end(String(error))
  })
}).listen(Number(PORT), '127.0.0.1', () => {
  const { n, e } = privateKey.export({ format: 'jwk' })
  process.send?.({
    ready: true,
    keys: [{ kty: 'RSA', n, e, kid: 'peer' }],
    clients: { web: secret('web'), opaque: secret('opaque') },
    redirectUri: REDIRECT_URI
  })
})
process.on('disconnect', () => process.exit(0))
