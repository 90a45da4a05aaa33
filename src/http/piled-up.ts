import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** Of requests that wait for those before them on their connection. Who sends several at once sends some dozens. */
const MOST_WAITING = 100

const waiting = new WeakMap<Socket, number>()

/**
 * Whether somebody piles up requests on a connection and leaves their answers unread. Node would begin all that
 * came in a piece, a thousand of them, and keep what is made of each: few connections would fill the memory. This
 * one is closed.
 */
export function isPiledUp({ socket }: IncomingMessage, response: ServerResponse): boolean {
  // It has the connection already: nobody is before it.
  if (response.socket !== null) return false
  const count = (waiting.get(socket) ?? 0) + 1
  if (count > MOST_WAITING) {
    socket.destroy()
    return true
  }
  waiting.set(socket, count)
  response.once('close', () => waiting.set(socket, (waiting.get(socket) ?? 1) - 1))
  return false
}
