import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'

declare module 'fastify' {
  interface FastifyInstance {
    /** From then on `/readyz` says no and every answer closes its connection. */
    startDraining: () => void
    readonly isDraining: boolean
  }
}

/** Lets keep-alive connections go before the server closes: requests under way finish, new ones go elsewhere. */
export default fp(
  (app: FastifyInstance, _options, done) => {
    let isDraining = false
    app.decorate('startDraining', () => {
      isDraining = true
    })
    app.decorate('isDraining', { getter: () => isDraining })
    app.addHook('onSend', (_request, reply, payload, next) => {
      if (isDraining) reply.header('connection', 'close')
      next(null, payload)
    })

    // Opened in advance, as browsers and balancers do, and never used: Node takes such a connection for
    // a busy one, and would wait for it.
    const unused = new Set<Socket>()
    app.server.on('connection', (socket) => {
      unused.add(socket)
      socket.once('close', () => unused.delete(socket))
    })
    app.server.on('request', ({ socket }) => {
      unused.delete(socket)
    })
    app.addHook('preClose', (next) => {
      for (const socket of unused) socket.destroy()
      next()
    })
    done()
  },
  { name: 'drain', fastify: '5.x' }
)
