import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'

/** JSON bodies, and only those. `__proto__` is refused; an empty body with a JSON header is no body. */
export default fp(
  (app: FastifyInstance, _options, done) => {
    const parse = app.getDefaultJsonParser('error', 'error')
    app.removeContentTypeParser('text/plain')
    app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, parsed) => {
      if (body === '') parsed(null, null)
      else void parse(request, body as string, parsed)
    })
    done()
  },
  { name: 'json-body', fastify: '5.x' }
)
