import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import {
  LogController,
  type FastifyError,
  type FastifyHttpOptions,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest
} from 'fastify'
import { v4 as uuidv4 } from 'uuid'
import type { Config } from '../config.ts'
import { HeldRequest } from './held-request.ts'
import { lazyCompilers } from './lazy-compilers.ts'
import { logStream } from './log-stream.ts'
import { refuseMalformed } from './refuse-malformed.ts'
import { RequestLogger } from './request-logger.ts'
import { createStandingResponse, hasStandingHeaders } from './standing-headers.ts'

const BODY_LIMIT_BYTES = 64 * 1_024
const HEADER_LIMIT_BYTES = 16 * 1_024
const REQUEST_TIMEOUT_MS = 15_000
/** Node looks for slow requests only so often; its 30 s would make the 15 up to 45. */
const TIMEOUT_CHECK_MS = 1_000
/** How bytes come in. The ajv options are the point: nothing is coerced, dropped or filled in. */
export function serverOptions(
  { logLevel, trustedProxies }: Config,
  standingHeaders: Record<string, string>
) {
  // On what is refused before there is a route, whose hooks would have set them.
  const bareHeaders = { ...standingHeaders, 'content-type': 'application/problem+json' }
  const ServerResponse = createStandingResponse(standingHeaders)
  return {
    logger: { level: logLevel, serializers: { err: describeError }, stream: logStream },
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    http: {
      maxHeaderSize: HEADER_LIMIT_BYTES,
      headersTimeout: REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: TIMEOUT_CHECK_MS,
      IncomingMessage: HeldRequest,
      ...(ServerResponse && { ServerResponse })
    },
    trustProxy: trustedProxies.length > 0 ? trustedProxies : false,
    genReqId: (request) => (request.requestId ??= uuidv4()),
    childLoggerFactory: (logger, bindings) => new RequestLogger(logger, bindings),
    return503OnClosing: false,
    clientErrorHandler(this: FastifyInstance, error: Error & { code?: string }, socket: Socket) {
      refuseMalformed(error, socket, bareHeaders, (status) => {
        note(this, 'other', status)
      })
    },
    frameworkErrors(_error: FastifyError, request: FastifyRequest, reply: FastifyReply) {
      refuseUnroutable(request, reply, bareHeaders)
    },
    ajv: {
      customOptions: {
        coerceTypes: false,
        removeAdditional: false,
        allErrors: false,
        // The schemas are TypeBox's; to hold them against JSON Schema's own takes a tenth of the start.
        validateSchema: false
      }
    },
    schemaController: { compilersFactory: lazyCompilers }
  } satisfies FastifyHttpOptions<Server>
}

/** One line and one count, as for every request. */
function note(app: FastifyInstance, method: string, status: number, reqId?: string): void {
  app.log.info({ reqId, method, route: 'none', status }, 'request')
  app.countUnrouted(method, status)
}

/** A URL that cannot be decoded, or with a longer part than any route has. It is not repeated. */
function refuseUnroutable(
  request: FastifyRequest,
  reply: FastifyReply,
  bareHeaders: Record<string, string>
): void {
  const detail = 'The URL is malformed.'
  const problem = { type: 'about:blank', title: 'Bad request', status: 400, detail }
  void reply
    .code(400)
    .headers({
      ...bareHeaders,
      ...(!hasStandingHeaders(reply.raw) && { 'x-request-id': request.id })
    })
    .send(JSON.stringify({ ...problem, code: 'invalid_request' }))
  note(request.server, request.method, 400, request.id)
}

type Described = { type: string; message: string; stack: string; code?: string; cause?: Described }

/** An error without the request, the statement's values or a driver's details: those may hold secrets. */
function describeError(error: Error & { code?: unknown }, depth = 0): Described {
  const { name, message, code, stack = '', cause } = error
  return {
    type: name,
    message,
    stack,
    ...(typeof code === 'string' && { code }),
    ...(cause instanceof Error && depth < 3 && { cause: describeError(cause, depth + 1) })
  }
}
