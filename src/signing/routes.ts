import type { FastifyPluginCallback } from 'fastify'
import { Type } from 'typebox'
import type { KeyRing } from './key-ring.ts'
import { JWKS_MAX_AGE_SECONDS } from './timeline.ts'

const Jwk = Type.Object({
  kty: Type.Literal('RSA'),
  n: Type.String(),
  e: Type.String(),
  kid: Type.String(),
  alg: Type.Literal('RS256'),
  use: Type.Literal('sig')
})

export type SigningRoutesOptions = { keyRing: KeyRing }

export const signingRoutes: FastifyPluginCallback<SigningRoutesOptions> = (
  app,
  { keyRing },
  done
) => {
  app.get(
    '/.well-known/jwks.json',
    {
      config: { access: 'public' },
      schema: {
        tags: ['tokens'],
        summary: 'The public keys that verify our tokens (RFC 7517)',
        response: {
          200: Type.Object({ keys: Type.Array(Jwk) }),
          304: Type.Null({ description: 'Not changed since the ETag that was sent' })
        }
      }
    },
    (request, reply) => {
      const { body, etag } = keyRing.jwks()
      reply.header('etag', etag)
      reply.header('cache-control', `public, max-age=${JWKS_MAX_AGE_SECONDS}`)
      reply.header('access-control-allow-origin', '*')
      if (isKnown(request.headers['if-none-match'], etag)) return reply.code(304).send()
      return reply.type('application/json').send(Buffer.from(body))
    }
  )
  done()
}

/** RFC 9110 §13.1.2: a list, compared weakly, for a proxy that compresses makes the tag weak. */
function isKnown(ifNoneMatch = '', etag: string): boolean {
  const tags = ifNoneMatch.split(',').map((tag) => tag.trim().replace(/^W\//, ''))
  return tags.includes(etag) || ifNoneMatch === '*'
}
