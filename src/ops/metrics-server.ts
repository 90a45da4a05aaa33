import { BlockList, isIPv4 } from 'node:net'
import { fastify, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { bearerToken } from '../http/access.ts'
import { lazyCompilers } from '../http/lazy-compilers.ts'
import { isSameSecret } from '../lib/secrets.ts'
import type { Metrics } from '../platform/metrics.ts'

/** What a proxy adds: whoever asks through one is not the peer that we see. */
const FORWARDED = ['forwarded', 'x-forwarded-for', 'x-real-ip', 'via']
/** Addresses that the internet does not route: this machine, this network, this cluster. */
const PRIVATE = new BlockList()
for (const [network, bits] of [
  ['127.0.0.0', 8],
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['169.254.0.0', 16],
  ['100.64.0.0', 10]
] as const)
  PRIVATE.addSubnet(network, bits, 'ipv4')
for (const [network, bits] of [
  ['::1', 128],
  ['fc00::', 7],
  ['fe80::', 10]
] as const)
  PRIVATE.addSubnet(network, bits, 'ipv6')
const TEXT = 'text/plain; charset=utf-8'
const REQUEST_TIMEOUT_MS = 15_000
const HEADERS = {
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store'
}

export type MetricsServerOptions = {
  render: Metrics['render']
  /** What `METRICS_TOKEN` says. Unset: peers of this network only. */
  token: string | undefined
}

/**
 * The metrics at a port of their own (`METRICS_PORT`), beside the server: nothing else answers there. Without a
 * token only loopback and private addresses are told, so that a port that was published by mistake tells
 * the world nothing.
 */
export function createMetricsServer({ render, token }: MetricsServerOptions): FastifyInstance {
  const app = fastify({
    logger: false,
    schemaController: { compilersFactory: lazyCompilers },
    forceCloseConnections: true,
    requestTimeout: REQUEST_TIMEOUT_MS,
    frameworkErrors: refuseUnroutable
  })
  app.addHook('onRequest', (_request, reply, next) => {
    reply.headers(HEADERS)
    next()
  })

  function mayRead(request: FastifyRequest): boolean {
    if (token !== undefined) return isSameSecret(bearerToken(request) ?? '', token)
    const peer = (request.socket.remoteAddress ?? '').replace(/^::ffff:(?=[\d.]+$)/, '')
    const isForwarded = FORWARDED.some((name) => request.headers[name] !== undefined)
    return !isForwarded && isOfThisNetwork(peer)
  }

  app.get('/metrics', async (request, reply) => {
    if (!mayRead(request)) {
      if (token !== undefined) reply.header('www-authenticate', 'Bearer realm="latchkey"')
      const status = token === undefined ? 403 : 401
      return reply.code(status).type(TEXT).send('Set METRICS_TOKEN and send it as Bearer token.\n')
    }
    const { contentType, body } = await render()
    return reply.type(contentType).send(body)
  })
  app.setNotFoundHandler((_request, reply) => reply.code(404).type(TEXT).send('Only /metrics.\n'))
  app.setErrorHandler((_error, _request, reply) => reply.code(500).type(TEXT).send('Failed.\n'))
  return app
}

/** A URL that cannot be decoded: no hook runs, and it is not repeated. */
function refuseUnroutable(_error: Error, _request: FastifyRequest, reply: FastifyReply): void {
  void reply.headers(HEADERS).code(400).type(TEXT).send('The URL is malformed.\n')
}

function isOfThisNetwork(peer: string): boolean {
  const [address = ''] = peer.split('%')
  return address !== '' && PRIVATE.check(address, isIPv4(address) ? 'ipv4' : 'ipv6')
}
