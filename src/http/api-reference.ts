import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import { fastify, type FastifyInstance, type RouteOptions } from 'fastify'
import { lazyCompilers } from './lazy-compilers.ts'
import { OAuthErrorBody, Problem, UserBody } from './schemas.ts'

const FAVICON = {
  filename: 'favicon.svg',
  rel: 'icon',
  type: 'image/svg+xml',
  sizes: 'any',
  content: readFileSync(join(import.meta.dirname, '../pages/assets/favicon.svg'))
}

/** What of a route the document is made of. */
export type DocumentedRoute = Pick<RouteOptions, 'method' | 'url' | 'schema'>

export type ApiReferenceOptions = { issuer: string; version: string; routes: DocumentedRoute[] }

/**
 * A Fastify of its own that knows the routes and answers none of them: the document is `swagger()`, the pages that
 * show it lie at `/docs`.
 */
export async function openApiReference({
  issuer,
  version,
  routes
}: ApiReferenceOptions): Promise<FastifyInstance> {
  const app = fastify({
    exposeHeadRoutes: false,
    schemaController: { compilersFactory: lazyCompilers }
  })
  app.addSchema(Problem)
  app.addSchema(OAuthErrorBody)
  app.addSchema(UserBody)
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Latchkey API',
        version,
        description:
          'A token server, and a provider of OAuth 2.0 and OpenID Connect: registration, login, RS256 access tokens and rotating refresh tokens. Every error is a problem document (RFC 9457): read its `code`; those of `/oauth` say `error` (RFC 6749).'
      },
      servers: [{ url: issuer }],
      components: {
        securitySchemes: {
          bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
          client: { type: 'http', scheme: 'basic', description: 'client_id and client_secret' },
          registration: {
            type: 'http',
            scheme: 'bearer',
            description: 'An initial access token to register, then the registration access token'
          },
          operator: { type: 'http', scheme: 'bearer', description: 'The token of METRICS_TOKEN' }
        }
      }
    },
    refResolver: { buildLocalReference: (json) => (json as { $id: string }).$id }
  })
  for (const { method, url, schema } of routes) {
    app.route({ method, url, ...(schema && { schema }), handler: () => undefined })
  }
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    theme: { title: 'Latchkey API', favicon: [FAVICON] },
    // Without its bar: there is one document, and no other to be explored.
    uiConfig: { layout: 'BaseLayout' }
  })
  await app.ready()
  return app
}
