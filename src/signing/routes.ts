import type { FastifyPluginCallback } from 'fastify'
import { Type } from 'typebox'
import { sendReady } from '../http/short-paths.ts'
import type { KeyRing, PublishedKeys } from './key-ring.ts'
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
  const path = '/.well-known/jwks.json'
  let made = readyOf(keyRing.jwks())

  function ready() {
    const published = keyRing.jwks()
    if (made.headers.etag !== published.etag) made = readyOf(published)
    return made
  }

  app.answerShortly(path, 'nothing', ({ headers }) =>
    headers['if-none-match'] === undefined ? ready() : null
  )
  app.get(
    path,
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
      const answer = ready()
      const { 'content-type': _type, ...shared } = answer.headers
      if (isKnown(request.headers['if-none-match'], shared.etag)) {
        return reply.headers(shared).code(304).send()
      }
      return sendReady(reply, answer)
    }
  )
  done()
}

function readyOf({ body, etag }: PublishedKeys) {
  const headers = {
    'content-type': 'application/json',
    etag,
    'cache-control': `public, max-age=${JWKS_MAX_AGE_SECONDS}`,
    'access-control-allow-origin': '*'
  }
  return { headers, body }
}

/** RFC 9110 §13.1.2: a list, compared weakly, for a proxy that compresses makes the tag weak. */
function isKnown(ifNoneMatch = '', etag: string): boolean {
  const tags = ifNoneMatch.split(',').map((tag) => tag.trim().replace(/^W\//, ''))
  return tags.includes(etag) || ifNoneMatch === '*'
}
