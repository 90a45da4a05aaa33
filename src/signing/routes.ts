import type { FastifyPluginCallback } from 'fastify'
import { Type } from 'typebox'
import { sendPrebuilt } from '../http/prebuilt.ts'
import type { KeyRing } from './key-ring.ts'
import { JWKS_MAX_AGE_SECONDS } from './timeline.ts'

const common = { kid: Type.String(), use: Type.Literal('sig') }
const Coordinate = Type.String({ description: 'base64url' })

/** RFC 7518 §6.3.1, §6.2.1; RFC 8037 §2. */
const Jwk = Type.Union([
  Type.Object({
    ...common,
    kty: Type.Literal('RSA'),
    alg: Type.Literal('RS256'),
    n: Type.String(),
    e: Type.String()
  }),
  Type.Object({
    ...common,
    kty: Type.Literal('EC'),
    alg: Type.Literal('ES256'),
    crv: Type.Literal('P-256'),
    x: Coordinate,
    y: Coordinate
  }),
  Type.Object({
    ...common,
    kty: Type.Literal('OKP'),
    alg: Type.Literal('EdDSA'),
    crv: Type.Literal('Ed25519'),
    x: Coordinate
  })
])

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
      return sendPrebuilt(reply, body)
    }
  )
  done()
}

/** RFC 9110 §13.1.2: a list, compared weakly, for a proxy that compresses makes the tag weak. */
function isKnown(ifNoneMatch = '', etag: string): boolean {
  const tags = ifNoneMatch.split(',').map((tag) => tag.trim().replace(/^W\//, ''))
  return tags.includes(etag) || ifNoneMatch === '*'
}
