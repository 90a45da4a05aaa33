import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'

/** One line a request. The route's template, never its URL: a query may hold a token. */
export default fp(
  (app: FastifyInstance, _options, done) => {
    app.addHook('onResponse', async (request, reply) => {
      request.log.info(
        {
          method: request.method,
          route: request.routeOptions.url ?? 'none',
          status: reply.statusCode,
          ms: Math.round(reply.elapsedTime * 10) / 10,
          refusal: request.refusal ?? undefined,
          userId: request.principal?.user.id,
          sessionId: request.principal?.sessionId
        },
        'request'
      )
    })
    app.addHook('onSend', async (request, reply) => {
      reply.header('x-request-id', request.id)
    })
    done()
  },
  { name: 'request-log', fastify: '5.x' }
)
