import { validateHeaderValue, type IncomingMessage, type RequestListener } from 'node:http'
import proxyAddress from '@fastify/proxy-addr'
import type { FastifyInstance, FastifyReply } from 'fastify'
import fp from 'fastify-plugin'
import { v4 as uuidv4 } from 'uuid'
import { HeldRequest } from './held-request.ts'
import { leaveWithOthers } from './leave-together.ts'
import { plainFormBytes, plainJsonBytes } from './plain-body.ts'
import { sendPrebuilt } from './prebuilt.ts'
import { hasStandingHeaders, type StandingResponse } from './standing-headers.ts'

/** A 200. Its headers, in lower case, come beside those that stand on every answer. */
export type ReadyAnswer = {
  /** The same object for answers that have the same: their text is made once for it. */
  headers: Record<string, string>
  body: string
  /** Whom it is about, for the log. */
  userId?: string | undefined
  sessionId?: string | undefined
}

export type ShortAnswer = ReadyAnswer & {
  /** Where the caller is sent: then it is a 303. */
  location?: string
  /** Header lines of this answer alone. */
  lines?: string
}

/**
 * What is asked with the request: nothing (a GET without a query), a query, or a body that came with its head.
 * Whatever else comes to the path goes Fastify's way.
 */
export type ShortInput = 'nothing' | 'query' | 'form' | 'json'

/**
 * Finds the answer to what is plain and good.
 * @param input the query, or the body, byte by byte
 * @returns null for everything else: it goes Fastify's way, as after an error, and the route says why. What was begun
 *   here is not to be begun again there
 */
export type FindShort = (
  request: IncomingMessage,
  input: string
) => ShortAnswer | Promise<ShortAnswer | null> | null

declare module 'fastify' {
  interface FastifyInstance {
    /** Answers at `path` before Fastify's lifecycle begins. */
    answerShortly: (path: string, input: ShortInput, find: FindShort) => void
    /** Whose request it is, as in the lifecycle: that of the caller before the trusted proxies. */
    addressOf: (request: IncomingMessage) => string
  }
}

export type ShortPathsOptions = {
  /** Spans are made in Fastify's lifecycle: with a collector, everything goes through it. */
  isTraced: boolean
  /** Whether this process has slept: the lifecycle reads first what it may have missed. */
  isFrozen: () => boolean
  trustedProxies: string[]
}

type Short = { path: string; input: ShortInput; find: FindShort }

/**
 * What is asked most: a lifecycle of hooks would take longer than all the rest. Each is logged and counted like any
 * other. Whatever could change it (an `Origin`, the drain, HTTP/1.0) leads to the lifecycle.
 */
export default fp<ShortPathsOptions>(
  (app: FastifyInstance, { isTraced, isFrozen, trustedProxies }, done) => {
    const shorts = new Map<string, Short>()
    const heads = new WeakMap<ShortAnswer['headers'], string>()
    const isTrusted = proxyAddress.compile(trustedProxies)
    let isClosing = false
    app.decorate('answerShortly', (path, input, find) => {
      shorts.set(path, { path, input, find })
    })
    app.decorate('addressOf', (request) => proxyAddress(request, isTrusted))
    app.addHook('preClose', (next) => {
      isClosing = true
      next()
    })

    /** @returns whether it is answered here, or goes on from here */
    function take(request: IncomingMessage, response: StandingResponse, goOn: () => void): boolean {
      const { url = '', method, headers, httpVersionMinor } = request
      const queryAt = url.indexOf('?')
      const short = shorts.get(queryAt < 0 ? url : url.slice(0, queryAt))
      if (short === undefined || httpVersionMinor !== 1 || headers.origin !== undefined)
        return false
      if (isClosing || app.isDraining || isFrozen()) return false
      const { input } = short
      const startedMs = performance.now()
      const send = (answer: ShortAnswer) => {
        sendShort(request, response, short.path, answer, startedMs)
      }
      if (method === 'GET') {
        if (input !== (queryAt < 0 ? 'nothing' : 'query')) return false
        settle(short.find, request, url.slice(queryAt + 1), send, goOn)
        return true
      }
      if (method !== 'POST' || queryAt >= 0 || !(request instanceof HeldRequest)) return false
      const bytes =
        input === 'form' ? plainFormBytes(headers) : input === 'json' ? plainJsonBytes(headers) : 0
      if (bytes === 0) return false
      takeBody(short.find, request, bytes, send, goOn)
      return true
    }

    /** @param route as the metrics name it */
    function sendShort(
      request: IncomingMessage,
      response: StandingResponse,
      route: string,
      { headers, body, location, lines = '', userId, sessionId }: ShortAnswer,
      startedMs: number
    ): void {
      const { method = '' } = request
      const reqId = (request.requestId ??= uuidv4())
      const status = location === undefined ? 200 : 303
      response.statusCode = status
      // It was asked before the drain began, and had to be made.
      if (app.isDraining || isClosing) response.shouldKeepAlive = false
      const head = (heads.get(headers) ?? linesOf(response, headers)) + lines + lineOf(location)
      // In Latin-1 head and body leave as they are, in one write.
      const isAscii = Buffer.byteLength(body) === body.length
      if (request instanceof HeldRequest) request.discard()
      leaveWithOthers(() => {
        response.endReady(head, body, isAscii ? 'latin1' : 'utf8')
        const ms = performance.now() - startedMs
        app.noteRequest({ reqId, method, route, status, ms, userId, sessionId })
      })
    }

    function linesOf(response: StandingResponse, headers: ShortAnswer['headers']): string {
      const lines = response.linesWith(headers)
      heads.set(headers, lines)
      return lines
    }

    const { server } = app
    // Fastify's own comes first; the others only look.
    const [lifecycle] = server.listeners('request') as RequestListener[]
    if (lifecycle !== undefined && !isTraced) {
      server.removeListener('request', lifecycle)
      server.on('request', (request, response) => {
        const goOn = () => {
          lifecycle.call(server, request, response)
        }
        if (!hasStandingHeaders(response) || !take(request, response, goOn)) goOn()
      })
    }
    done()
  },
  { name: 'short-paths', dependencies: ['request-log', 'drain'], fastify: '5.x' }
)

type Send = (answer: ShortAnswer) => void

/** A body is read first. */
function takeBody(
  find: FindShort,
  request: HeldRequest,
  lengthBytes: number,
  send: Send,
  goOn: () => void
): void {
  const letGo = () => {
    goOn()
    request.letGo()
  }
  request.hold(lengthBytes, (body) => {
    if (body === null) letGo()
    else settle(find, request, body.toString('latin1'), send, letGo)
  })
}

function settle(
  find: FindShort,
  request: IncomingMessage,
  input: string,
  send: Send,
  goOn: () => void
): void {
  const found = findSafely(find, request, input)
  if (found === null) goOn()
  else if (found instanceof Promise) {
    found.then((answer) => {
      if (answer === null) goOn()
      else send(answer)
    }, goOn)
  } else send(found)
}

/** Here nobody would catch what it throws. */
function findSafely(find: FindShort, request: IncomingMessage, input: string) {
  try {
    return find(request, input)
  } catch {
    return null
  }
}

function lineOf(location: string | undefined): string {
  if (location === undefined) return ''
  validateHeaderValue('location', location)
  return `location: ${location}\r\n`
}

/** The same within the lifecycle. */
export function sendReady(reply: FastifyReply, { headers, body }: ReadyAnswer): FastifyReply {
  return sendPrebuilt(reply.headers(headers), body, headers['content-type'])
}
