import type { FastifyRequest } from 'fastify'

const LOOPBACK_PEER = /^(127\.|::1$|::ffff:127\.)/
const LOOPBACK_HOST = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/

/**
 * Whether this machine itself asks. The peer and the `Host` must be loopback (a foreign page that rebinds
 * its name to 127.0.0.1 has another `Host`), and so must what a trusted proxy forwards of them.
 */
export function isFromLoopback(request: FastifyRequest): boolean {
  const peers = [request.socket.remoteAddress ?? '', request.ip]
  const hosts = [request.headers.host ?? '', request.host]
  return (
    peers.every((peer) => LOOPBACK_PEER.test(peer)) &&
    hosts.every((host) => LOOPBACK_HOST.test(host))
  )
}
