import cors, { type FastifyCorsOptions } from '@fastify/cors'
import helmet from '@fastify/helmet'
import { fastify, type FastifyInstance, type onRequestHookHandler } from 'fastify'
import fp from 'fastify-plugin'
import { lazyCompilers } from './lazy-compilers.ts'
import { hasStandingHeaders } from './standing-headers.ts'

/** What scripts of other origins may read of an answer. */
const EXPOSED = ['retry-after', 'www-authenticate', 'x-request-id', 'dpop-nonce']

export type SecurityHeadersOptions = { standing: Record<string, string>; corsOrigins: string[] }

/** What clients call from whatever page they live on: no cookie opens anything there. */
const OPEN_TO_ALL =
  /^\/(oauth\/(token|revoke|userinfo|par|device_authorization|introspect|register(\/[^/?]*)?)|\.well-known\/[\w.-]+)(\?|$)/

/** On every answer: nothing from elsewhere, no inline script, no frame around us. */
export default fp<SecurityHeadersOptions>(
  async (app: FastifyInstance, { standing, corsOrigins }) => {
    app.addHook('onRequest', (_request, reply, next) => {
      if (!hasStandingHeaders(reply.raw)) reply.headers(standing)
      next()
    })
    const shared: FastifyCorsOptions = {
      methods: ['GET', 'POST', 'PUT', 'DELETE'],
      allowedHeaders: ['authorization', 'content-type', 'dpop'],
      exposedHeaders: EXPOSED,
      maxAge: 600,
      strictPreflight: false
    }
    const forAll: FastifyCorsOptions = { ...shared, origin: '*', credentials: false }
    const forListed: FastifyCorsOptions = { ...shared, origin: corsOrigins, credentials: true }
    await app.register(corsForOrigins, {
      delegator: ({ url }, choose) => {
        choose(null, OPEN_TO_ALL.test(url) ? forAll : forListed)
      }
    })
    app.addHook('onSend', ({ headers }, reply, payload, next) => {
      // Credentials are for the listed origins; what is open to all, or closed, needs none.
      if (headers.origin !== undefined || reply.request.method === 'OPTIONS') {
        const allowed = reply.getHeader('access-control-allow-origin')
        if (allowed === undefined || allowed === '*') {
          reply.removeHeader('access-control-allow-credentials')
        }
      }
      next(null, payload)
    })
  },
  { name: 'security-headers', fastify: '5.x' }
)

/**
 * The plugin for requests that a browser sends from another origin. It goes through all its options for every
 * request, and says to all others what stands already, or what it says to everybody.
 */
const corsForOrigins = fp<FastifyCorsOptions>((app, options, done) => {
  const addHook = (name: 'onRequest', ask: onRequestHookHandler) =>
    app.addHook(name, (request, reply, next) => {
      const { method, headers, url } = request
      if (headers.origin !== undefined || method === 'OPTIONS') {
        ask.call(app, request, reply, next)
        return
      }
      if (OPEN_TO_ALL.test(url)) reply.header('access-control-allow-origin', '*')
      next()
    })
  cors(Object.create(app, { addHook: { value: addHook } }) as FastifyInstance, options, done)
})

/** What every answer says unless its route says otherwise: about one person, and nobody's to keep. */
export async function standingHeadersOf(issuer: string): Promise<Record<string, string>> {
  return {
    ...(await headersOf(issuer)),
    'cache-control': 'no-store',
    vary: 'Origin',
    'access-control-expose-headers': EXPOSED.join(', ')
  }
}

/** What Helmet says for this issuer. It works that out anew for every answer, so it is asked once. */
async function headersOf(issuer: string): Promise<Record<string, string>> {
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
