import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'

declare module 'fastify' {
  interface FastifyRequest {
    /** Whose request it turned out to be, where no access token said so before. */
    who: { userId: string | undefined; sessionId: string | undefined } | null
  }
}

/** One line a request. The route's template, never its URL: a query may hold a token. */
export default fp(
  (app: FastifyInstance, _options, done) => {
    app.decorateRequest('who', null)
    app.addHook('onResponse', (request, reply, next) => {
      request.log.info(
        {
          method: request.method,
          route: request.routeOptions.url ?? 'none',
          status: reply.statusCode,
          ms: Math.round(reply.elapsedTime * 10) / 10,
          refusal: request.refusal ?? undefined,
          userId: request.principal?.user.id ?? request.who?.userId,
          sessionId: request.principal?.sessionId ?? request.who?.sessionId
        },
        'request'
      )
      next()
    })
    app.addHook('onSend', (request, reply, payload, next) => {
      reply.header('x-request-id', request.id)
      next(null, payload)
    })
    done()
  },
  { name: 'request-log', fastify: '5.x' }
)
