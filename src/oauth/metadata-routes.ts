import type { FastifyPluginCallback } from 'fastify'
import { Type } from 'typebox'
import { sendReady } from '../http/short-paths.ts'
import { serverMetadata, type MetadataOptions } from './metadata.ts'

const MAX_AGE_SECONDS = 300

const Metadata = Type.Object({ issuer: Type.String() }, { additionalProperties: true })

/** RFC 8414 §3 and OpenID Connect Discovery §4: one truth under two names. */
export const metadataRoutes: FastifyPluginCallback<MetadataOptions> = (app, options, done) => {
  const ready = {
    headers: {
      'content-type': 'application/json',
      'cache-control': `public, max-age=${MAX_AGE_SECONDS}`,
      'access-control-allow-origin': '*'
    },
    body: JSON.stringify(serverMetadata(options))
  }
  for (const name of ['openid-configuration', 'oauth-authorization-server']) {
    const path = `/.well-known/${name}`
    app.answerShortly(path, 'nothing', () => ready)
    app.get(
      path,
      {
        config: { access: 'public' },
        schema: {
          tags: ['oauth'],
          summary: 'What this server can do, and where',
          response: { 200: Metadata }
        }
      },
      (_request, reply) => sendReady(reply, ready)
    )
  }
  done()
}
