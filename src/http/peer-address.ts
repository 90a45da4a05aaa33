import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'

/**
 * Node tells a peer's address while the connection stands, and after that only if it was asked before. What is
 * done for somebody who has gone meanwhile is written down with it all the same: a theft that cannot be written
 * down would not end the session.
 */
export default fp(
  (app: FastifyInstance, _options, done) => {
    app.server.on('connection', (socket) => {
      // Gone before it was accepted, though what it sent can be read: there is nobody to answer.
      if (socket.remoteAddress === undefined) socket.destroy()
    })
    done()
  },
  { name: 'peer-address', fastify: '5.x' }
)
