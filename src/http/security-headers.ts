import cors, { type FastifyCorsOptions } from '@fastify/cors'
import helmet from '@fastify/helmet'
import { fastify, type FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { lazyCompilers } from './lazy-compilers.ts'

export type SecurityHeadersOptions = { fixed: Record<string, string>; corsOrigins: string[] }

/** What clients call from whatever page they live on: no cookie opens anything there. */
const OPEN_TO_ALL =
  /^\/(oauth\/(token|revoke|userinfo|par|device_authorization|introspect|register(\/[^/?]*)?)|\.well-known\/[\w.-]+)(\?|$)/

/** On every answer: nothing from elsewhere, no inline script, no frame around us. */
export default fp<SecurityHeadersOptions>(
  async (app: FastifyInstance, { fixed, corsOrigins }) => {
    app.addHook('onRequest', (_request, reply, next) => {
      reply.headers(fixed)
      next()
    })
    const shared: FastifyCorsOptions = {
      methods: ['GET', 'POST', 'PUT', 'DELETE'],
      allowedHeaders: ['authorization', 'content-type', 'dpop'],
      exposedHeaders: ['retry-after', 'www-authenticate', 'x-request-id', 'dpop-nonce'],
      maxAge: 600,
      strictPreflight: false
    }
    const forAll: FastifyCorsOptions = { ...shared, origin: '*', credentials: false }
    const forListed: FastifyCorsOptions = { ...shared, origin: corsOrigins, credentials: true }
    await app.register(cors, {
      delegator: ({ url }, choose) => {
        choose(null, OPEN_TO_ALL.test(url) ? forAll : forListed)
      }
    })
    app.addHook('onSend', (_request, reply, payload, next) => {
      // Credentials are for the listed origins; what is open to all, or closed, needs none.
      const allowed = reply.getHeader('access-control-allow-origin')
      if (allowed === undefined || allowed === '*') {
        reply.removeHeader('access-control-allow-credentials')
      }
      // Answers are about one person, unless a route says otherwise.
      if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'no-store')
      next(null, payload)
    })
  },
  { name: 'security-headers', fastify: '5.x' }
)

/** What Helmet says for this issuer. It works that out anew for every answer, so it is asked once. */
export async function headersOf(issuer: string): Promise<Record<string, string>> {
  const probe = fastify({ schemaController: { compilersFactory: lazyCompilers } })
  await probe.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'"],
        imgSrc: ["'self'", 'data:'],
        connectSrc: ["'self'"],
        formAction: ["'self'"],
        baseUri: ["'none'"],
        frameAncestors: ["'none'"]
      }
    },
    strictTransportSecurity: isPinnable(issuer) && { maxAge: 31_536_000 },
    xFrameOptions: { action: 'deny' },
    // Read by whoever is allowed to: CORS decides that, route by route.
    crossOriginResourcePolicy: { policy: 'cross-origin' }
  })
  let said: Record<string, string> = {}
  probe.get('/', (_request, reply) => {
    said = { ...(reply.getHeaders() as Record<string, string>) }
    return reply.send()
  })
  await probe.inject('/')
  await probe.close()
  return said
}

/** Not localhost: browsers would then refuse every other http server of that machine. */
function isPinnable(issuer: string): boolean {
  const { protocol, hostname } = new URL(issuer)
  return protocol === 'https:' && hostname !== 'localhost' && !hostname.endsWith('.localhost')
}
