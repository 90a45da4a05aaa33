import type { FastifyPluginCallback } from 'fastify'
import type { Asset, Look } from './look.ts'
import { pageRoute } from './room.ts'

/** A picture by itself runs nothing and loads nothing, whatever an svg holds. */
const PICTURE_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"

/** The files that pages load, all from here. */
export const assetRoutes: FastifyPluginCallback<{ look: Look }> = (app, { look }, done) => {
  function serve({ path, body, type }: Asset, policy?: string): void {
    const [url = ''] = path.split('?')
    app.get(url, pageRoute, (_request, reply) => {
      if (policy !== undefined) reply.header('content-security-policy', policy)
      return reply.header('cache-control', 'public, max-age=86400').type(type).send(body)
    })
  }

  serve(look.stylesheet)
  serve(look.script)
  serve(look.favicon, PICTURE_POLICY)
  if (look.logo !== null) serve(look.logo, PICTURE_POLICY)
  done()
}
