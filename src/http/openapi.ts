import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { OAuthErrorBody, Problem, UserBody } from './schemas.ts'

const FAVICON = {
  filename: 'favicon.svg',
  rel: 'icon',
  type: 'image/svg+xml',
  sizes: 'any',
  content: readFileSync(join(import.meta.dirname, '../pages/assets/favicon.svg'))
}

export type OpenApiOptions = { issuer: string; version: string }

/** The routes' own schemas are the document: `/openapi.json`, to be read at `/docs`. */
export default fp<OpenApiOptions>(
  async (app: FastifyInstance, { issuer, version }) => {
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
    await app.register(async (docs) => {
      docs.addHook('onRoute', (route) => {
        route.config = { ...route.config, access: 'public' }
      })
      await docs.register(swaggerUi, {
        routePrefix: '/docs',
        theme: { title: 'Latchkey API', favicon: [FAVICON] },
        // Without its bar: there is one document, and no other to be explored.
        uiConfig: { layout: 'BaseLayout' }
      })
    })
    app.get(
      '/openapi.json',
      { config: { access: 'public' }, schema: { hide: true } },
      (_request, reply) => reply.header('access-control-allow-origin', '*').send(app.swagger())
    )
  },
  { name: 'openapi', fastify: '5.x' }
)
