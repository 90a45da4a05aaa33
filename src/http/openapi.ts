import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { DocumentedRoute } from './api-reference.ts'
import { sendPrebuilt } from './prebuilt.ts'
import { OAuthErrorBody, Problem, UserBody } from './schemas.ts'

export type OpenApiOptions = { issuer: string; version: string }

/** Of a file's answer; length, date and connection are ours to say. */
const OF_THE_FILE = [
  'content-type',
  'cache-control',
  'etag',
  'last-modified',
  'location',
  'accept-ranges',
  'content-range'
]

/**
 * The routes' own schemas are the document: `/openapi.json`, to be read at `/docs`. It is made, and what makes
 * it loaded, when somebody first asks: a hundred modules that a server seldom needs.
 */
export default fp<OpenApiOptions>(
  (app: FastifyInstance, { issuer, version }, done) => {
    const routes: DocumentedRoute[] = []
    let reference: Promise<FastifyInstance> | undefined
    const openReference = () => {
      reference ??= import('./api-reference.ts').then(({ openApiReference }) =>
        openApiReference({ issuer, version, routes })
      )
      return reference
    }

    app.addSchema(Problem)
    app.addSchema(OAuthErrorBody)
    app.addSchema(UserBody)
    app.addHook('onRoute', ({ method, url, schema }) => {
      const isHidden = schema?.hide ?? false
      if (method !== 'HEAD' && !isHidden) routes.push({ method, url, ...(schema && { schema }) })
    })
    app.addHook('onClose', async () => {
      await (await reference)?.close()
    })

    async function showDocs(request: FastifyRequest, reply: FastifyReply) {
      const { url, headers } = request
      const docs = await openReference()
      const { statusCode, headers: found, rawPayload } = await docs.inject({ url, headers })
      if (statusCode >= 400) {
        reply.callNotFound()
        return reply
      }
      for (const name of OF_THE_FILE) {
        if (found[name] !== undefined) reply.header(name, found[name])
      }
      return reply.code(statusCode).send(rawPayload)
    }

    const hidden = { config: { access: 'public' as const }, schema: { hide: true } }
    app.get('/docs', hidden, showDocs)
    app.get('/docs/*', hidden, showDocs)
    let document: string | undefined
    app.get('/openapi.json', hidden, async (_request, reply) => {
      document ??= JSON.stringify((await openReference()).swagger())
      reply.header('access-control-allow-origin', '*')
      return sendPrebuilt(reply, document, 'application/json; charset=utf-8')
    })
    done()
  },
  { name: 'openapi', fastify: '5.x' }
)
